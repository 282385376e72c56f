"""Grain goes, borders stay, and blocks are as the whole."""

from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.refinement.mean_field import Smoothing, halo_px, mean_field, unary_of_classes


@pytest.fixture
def two_halves(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give truth, a grainy map of it, and an image that shows it."""
    truth = np.where(np.arange(40) < 20, 1, 2)[None].repeat(40, axis=0).astype(np.uint8)
    grainy = np.where(rng.random(truth.shape) < 0.2, 3 - truth, truth).astype(np.uint8)
    return truth, grainy, truth * 100.0


def test_grain_goes_and_the_border_stays_where_the_image_has_one(
    two_halves: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    truth, grainy, image = two_halves
    found = mean_field(unary_of_classes(grainy, 2), image).argmax(axis=0) + 1
    assert (grainy != truth).mean() > 0.15
    assert (found != truth).mean() < 0.005


def test_without_a_border_in_the_image_a_thin_line_is_lost_and_with_it_is_kept() -> None:
    line = np.ones((21, 21), np.uint8)
    line[10] = 2
    probs = unary_of_classes(line, 2, 0.8)
    assert (mean_field(probs, np.zeros((21, 21))).argmax(axis=0) == 0).all()
    assert np.array_equal(mean_field(probs, line * 100.0).argmax(axis=0) + 1, line)


def test_it_is_the_formula(rng: np.random.Generator) -> None:
    how = Smoothing(steps=2, reach_px=2, spread_px=1.5, grey_spread=30.0, strength=2.0)
    probs, image = rng.dirichlet(np.ones(3), (6, 5)).transpose(2, 0, 1), rng.random((6, 5)) * 100
    logs = np.log(np.maximum(probs, 1e-4))
    q = np.exp(logs) / np.exp(logs).sum(axis=0)
    for _ in range(2):
        new = np.empty_like(q)
        for y, x in np.ndindex(6, 5):
            total, asked = 1e-6, np.zeros(3)
            for v, u in np.ndindex(6, 5):
                near = (v - y) ** 2 + (u - x) ** 2
                if 0 < near <= 4:
                    weight = np.exp(-near / (2 * 1.5**2) - ((image[y, x] - image[v, u]) / 30) ** 2 / 2)
                    total, asked = total + weight, asked + weight * q[:, v, u]
            new[:, y, x] = np.exp(logs[:, y, x] + 2.0 * asked / total)
        q = new / new.sum(axis=0)
    assert np.allclose(mean_field(probs, image, how), q, atol=1e-5)


def test_blocks_with_a_halo_are_as_the_whole(rng: np.random.Generator) -> None:
    how = Smoothing(steps=3, reach_px=2)
    probs, image = rng.dirichlet(np.ones(4), (50, 60)).transpose(2, 0, 1), rng.random((50, 60)) * 255
    halo = halo_px(how)
    whole = mean_field(probs, image, how)
    y0, y1, x0, x1 = 20, 35, 0, 30
    top, left = max(y0 - halo, 0), max(x0 - halo, 0)
    cut = (slice(top, y1 + halo), slice(left, x1 + halo))
    part = mean_field(probs[:, *cut], image[cut], how)[:, y0 - top : y1 - top, x0 - left : x1 - left]
    assert np.allclose(part, whole[:, y0:y1, x0:x1], atol=1e-6)


def test_probabilities_sum_to_1_and_no_strength_changes_nothing(rng: np.random.Generator) -> None:
    probs, image = rng.dirichlet(np.ones(4), (9, 7)).transpose(2, 0, 1), rng.random((9, 7))
    found = mean_field(probs, image)
    assert found.dtype == np.float32
    assert np.allclose(found.sum(axis=0), 1, atol=1e-5)
    assert np.allclose(mean_field(probs, image, Smoothing(strength=0)), np.maximum(probs, 1e-4), atol=1e-3)


def test_what_is_not_classified_says_nothing() -> None:
    probs = unary_of_classes(np.array([[0, 2]]), 4, 0.7)
    assert probs[:, 0, 0].tolist() == [0.25] * 4
    assert np.allclose(probs[:, 0, 1], [0.1, 0.7, 0.1, 0.1])


@pytest.mark.parametrize(
    "change", [{"steps": 0}, {"reach_px": 0}, {"reach_px": 99}, {"spread_px": 0}, {"grey_spread": -1}, {"strength": -1}]
)
def test_numbers_that_make_no_sense_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Smoothing(**change)  # type: ignore[arg-type]


def test_an_image_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="don't fit"):
        mean_field(np.ones((2, 4, 4)) / 2, np.ones((4, 5)))
