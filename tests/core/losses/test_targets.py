"""Targets: DEC-1, DEC-2, DINO-1 and DINO-2 are the test vectors of the methods reference."""

from __future__ import annotations

import itertools

import pytest
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor
from torch.nn.functional import normalize

from napari_em_autoclass.core.losses.targets import (
    centred_targets,
    even_sample,
    first_centres,
    moved_centre,
    nearest_centre,
    reweighted_targets,
    same_order,
    spherical_kmeans,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def groups() -> tuple[Tensor, Tensor]:
    """Give 900 rows around three directions, of lengths from 1 to 10, and which one each belongs to."""
    labels = torch.arange(900) % 3
    rows = 5 * torch.eye(3, 8)[labels] + 0.4 * torch.randn((900, 8), generator=generator())
    return rows * (1 + 9 * torch.rand((900, 1), generator=generator(1))), labels


# --- DEC, DEPICT -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "way", "expected"),
    [
        ([[0.6, 0.4], [0.6, 0.4]], "sure", [[0.6, 0.4], [0.6, 0.4]]),
        ([[0.6, 0.4], [0.6, 0.4]], "even", [[0.5505, 0.4495], [0.5505, 0.4495]]),
        ([[0.9, 0.1], [0.6, 0.4]], "sure", [[0.9643, 0.0357], [0.4286, 0.5714]]),
        ([[0.9, 0.1], [0.6, 0.4]], "even", [[0.8386, 0.1614], [0.4641, 0.5359]]),
    ],
    ids=["dec_1_dec", "dec_1_depict", "dec_2_dec", "dec_2_depict"],
)
def test_reweighted_targets_worked_out_by_hand(p, way, expected) -> None:
    got = reweighted_targets(torch.tensor(p).log(), way)
    torch.testing.assert_close(got, torch.tensor(expected), atol=5e-5, rtol=0)


@pytest.mark.parametrize(("way", "power", "root"), [("sure", 2.0, 1.0), ("even", 1.0, 0.5)])
def test_reweighted_targets_equal_the_formula(way, power: float, root: float) -> None:
    p = torch.randn((50, 6), generator=generator(), dtype=torch.float64).softmax(dim=1)
    raw = p**power / p.sum(dim=0) ** root
    torch.testing.assert_close(reweighted_targets(p.log(), way), raw / raw.sum(dim=1, keepdim=True))


@pytest.mark.parametrize("way", ["sure", "even"])
def test_reweighted_targets_are_finite_where_a_class_is_never_used(way) -> None:
    log_p = (1e4 * torch.eye(5)[torch.zeros(9, dtype=torch.long)]).log_softmax(dim=1)
    targets = reweighted_targets(log_p, way)
    assert torch.isfinite(targets).all()
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(9))


# --- DINO ------------------------------------------------------------------------------------------------------------


def test_dino_1_equal_logits_are_undecided() -> None:
    torch.testing.assert_close(
        centred_targets(torch.full((7, 20), 3.0), torch.zeros(20), 0.4), torch.full((7, 20), 0.05)
    )


def test_dino_2_the_centre_after_one_step() -> None:
    logits = torch.tensor([[1.0, -2.0, 3.0], [3.0, -4.0, 5.0]])
    torch.testing.assert_close(moved_centre(torch.zeros(3), logits, 0.9), 0.1 * torch.tensor([2.0, -3.0, 4.0]))


def test_a_temperature_below_one_makes_surer() -> None:
    logits = torch.randn((30, 5), generator=generator())
    surest = [float(centred_targets(logits, torch.zeros(5), t).amax(dim=1).mean()) for t in (2.0, 1.0, 0.4, 0.1)]
    assert surest == sorted(surest)


def test_a_constant_of_a_class_is_removed_once_the_centre_has_followed() -> None:
    logits = torch.randn((30, 4), generator=generator(), dtype=torch.float64)
    shift = torch.tensor([9.0, -3.0, 0.0, 1.0], dtype=torch.float64)

    def converged(values: Tensor) -> Tensor:
        centre = torch.zeros(4, dtype=torch.float64)
        for _ in range(400):
            centre = moved_centre(centre, values, 0.9)
        return centred_targets(values, centre, 0.4)

    torch.testing.assert_close(converged(logits + shift), converged(logits))


# --- clusters --------------------------------------------------------------------------------------------------------


def test_three_directions_are_found(groups: tuple[Tensor, Tensor]) -> None:
    rows, labels = groups
    centres = spherical_kmeans(rows, first_centres(rows, 3, generator(2)))
    found = nearest_centre(rows, centres)
    assert adjusted_rand_score(labels.numpy(), found.numpy()) == 1
    torch.testing.assert_close(centres.norm(dim=1), torch.ones(3))


def test_lloyd_iterations_equal_a_plain_loop(groups: tuple[Tensor, Tensor]) -> None:
    rows = groups[0].double()
    centres = first_centres(rows, 4, generator(3))
    expected = [list(c) for c in centres]
    for _ in range(3):
        members: list[list[Tensor]] = [[] for _ in expected]
        for row in rows:
            unit = row / row.norm()
            members[max(range(4), key=lambda k: sum(a * b for a, b in zip(unit, expected[k], strict=True)))].append(
                unit
            )
        expected = [list(sum(m) / sum(m).norm()) for m in members]
    torch.testing.assert_close(spherical_kmeans(rows, centres, 3), torch.tensor(expected, dtype=torch.float64))


def test_an_empty_cluster_starts_again_from_the_largest(groups: tuple[Tensor, Tensor]) -> None:
    rows, labels = groups
    # All three start in the first direction, so that two of them are at once empty or nearly so.
    start = torch.eye(3, 8)[:1] + torch.tensor([[0.0], [-9.0], [-9.0]]) * torch.eye(3, 8)[:1]
    found = nearest_centre(rows, spherical_kmeans(rows, start, 10))
    assert adjusted_rand_score(labels.numpy(), found.numpy()) == 1


def test_first_centres_lie_in_different_groups() -> None:
    rows = torch.eye(3, 8).repeat(300, 1) + 0.005 * torch.randn((900, 8), generator=generator())
    for seed in range(10):
        chosen = first_centres(rows, 3, generator(seed))
        assert len(set(chosen.argmax(dim=1).tolist())) == 3


@pytest.mark.parametrize("rows", [torch.zeros(5, 3), torch.ones(5, 3), torch.eye(3)[:1]], ids=["zero", "same", "one"])
def test_too_few_different_rows_give_finite_centres(rows: Tensor) -> None:
    centres = spherical_kmeans(rows, first_centres(rows, 4, generator()))
    assert centres.shape == (4, 3)
    assert torch.isfinite(centres).all()


def test_clusters_keep_their_names_when_they_are_made_anew() -> None:
    old = normalize(torch.randn((5, 8), generator=generator()), dim=1)
    for order in itertools.islice(itertools.permutations(range(5)), 0, 120, 17):
        moved = normalize(old + 0.05 * torch.randn((5, 8), generator=generator(1)), dim=1)
        torch.testing.assert_close(same_order(old, moved[list(order)]), moved)


def test_an_even_sample_has_as_many_of_each_cluster() -> None:
    labels = torch.tensor([0] * 7000 + [2] * 2900 + [4] * 100)[torch.randperm(10_000, generator=generator())]
    drawn = even_sample(labels, 3000, 6, generator(1))
    counts = torch.bincount(labels[drawn], minlength=6)
    assert counts.tolist() == [1000, 0, 1000, 0, 1000, 0]
    # Evenly from within a cluster as well: of 100 rows drawn 1000 times nearly each comes.
    assert len(drawn[labels[drawn] == 4].unique()) > 95


def test_an_even_sample_of_one_cluster_takes_it() -> None:
    assert even_sample(torch.full((50,), 3), 20, 5, generator()).shape == (20,)
