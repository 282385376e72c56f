"""Objects that touch are told apart at their necks, and what has none stays whole."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import block_diag, csr_matrix

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.refinement import maskcut
from napari_em_autoclass.core.refinement.maskcut import Cutting, cut_section, normalised_cut

Y, X = np.indices((120, 200))


def disc(y: float, x: float, radius: float) -> np.ndarray:
    found: np.ndarray = (Y - y) ** 2 + (X - x) ** 2 < radius**2
    return found


FINE = Cutting(cell_px=4)


def test_two_cliques_are_told_apart_by_the_sign() -> None:
    side, vector = normalised_cut(csr_matrix(block_diag([np.ones((7, 7)), np.ones((5, 5))])))
    assert side.tolist() == [False] * 7 + [True] * 5
    assert np.ptp(vector[:7]) < 1e-3
    assert np.ptp(vector[7:]) < 1e-3
    assert vector[0] * vector[-1] < 0


def test_never_more_than_half_is_taken_out(rng: np.random.Generator) -> None:
    weights = rng.random((21, 21))
    side, _ = normalised_cut(csr_matrix(weights + weights.T), least=4)
    assert 4 <= side.sum() <= 10


def test_the_cut_is_the_cheapest_along_the_vector(rng: np.random.Generator) -> None:
    weights = rng.random((12, 12)) ** 4
    weights += weights.T
    side, vector = normalised_cut(csr_matrix(weights))

    def cost(chosen: np.ndarray) -> float:
        between = weights[chosen][:, ~chosen].sum()
        return float(between / weights[chosen].sum() + between / weights[~chosen].sum())

    order = np.argsort(vector)
    every = [np.isin(np.arange(12), order[:n]) for n in range(1, 12)]
    assert cost(side) == pytest.approx(min(cost(chosen) for chosen in every), rel=1e-3)


def test_the_sparse_solver_finds_what_the_dense_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = disc(60, 60, 35) | disc(60, 120, 35)
    dense = cut_section(inside, None, FINE)
    monkeypatch.setattr(maskcut, "_MOST_DENSE", 10)
    sparse = cut_section(inside, None, FINE)
    assert dense.max() == sparse.max() == 2
    assert (dense != sparse).mean() < 0.01 or (dense != 3 - sparse)[inside].mean() < 0.01


def test_touching_discs_are_two_and_all_of_the_class_belongs_to_one() -> None:
    left, right = disc(60, 60, 35), disc(60, 120, 35)
    objects = cut_section(left | right, None, FINE)
    assert objects.dtype == np.int32
    assert np.array_equal(objects > 0, left | right)
    assert objects.max() == 2
    assert objects[60, 50] != objects[60, 130]
    assert (objects == objects[60, 50])[left & (X < 85)].all()
    assert (objects == objects[60, 130])[right & (X > 95)].all()


def test_three_in_a_row_are_three() -> None:
    assert cut_section(disc(60, 40, 30) | disc(60, 92, 30) | disc(60, 144, 30), None, FINE).max() == 3


@pytest.mark.parametrize(
    "shape",
    [
        disc(60, 60, 50),
        ((Y - 60) / 20) ** 2 + ((X - 100) / 80) ** 2 < 1,
        (abs(Y - 60) < 12) & (abs(X - 100) < 90),
        disc(60, 60, 55) & ~disc(60, 60, 38),
    ],
    ids=["disc", "ellipse", "rod", "ring"],
)
def test_what_has_no_neck_stays_whole(shape: np.ndarray) -> None:
    assert cut_section(shape, None, FINE).max() == 1


def test_pieces_that_do_not_touch_are_objects_however_small() -> None:
    inside = disc(30, 30, 20) | disc(90, 150, 10)
    inside[0, 199] = True
    objects = cut_section(inside)
    assert objects.max() == 3
    assert len({objects[30, 30], objects[90, 150], objects[0, 199]}) == 3


def test_features_tell_apart_what_has_no_neck() -> None:
    rod = (abs(Y - 60) < 16) & (abs(X - 100) < 60)
    features = np.stack([X < 100, X >= 100]).astype(float)
    objects = cut_section(rod, features, FINE)
    assert objects.max() == 2
    assert (objects[rod & (X < 98)] != objects[60, 140]).all()


def test_the_number_of_objects_has_a_bound() -> None:
    inside = disc(60, 40, 30) | disc(60, 92, 30) | disc(60, 144, 30)
    assert cut_section(inside, None, Cutting(cell_px=4, most_objects=2)).max() == 2


def test_nothing_gives_nothing() -> None:
    assert not cut_section(np.zeros((10, 10), bool)).any()


def test_features_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="don't fit"):
        cut_section(np.ones((4, 4), bool), np.ones((2, 4, 5)))


@pytest.mark.parametrize(
    "change", [{"cell_px": 0}, {"reach": 0}, {"alike": 2}, {"most_neck": -1}, {"most_objects": 0}, {"least_cells": 1}]
)
def test_numbers_that_make_no_sense_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Cutting(**change)  # type: ignore[arg-type]
