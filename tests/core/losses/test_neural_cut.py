"""The neural normalised cut; NN-1 to NN-3 are the test vectors of the methods reference."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import StepBatch
from napari_em_autoclass.core.losses.neural_cut import NeuralCut, affinity_of, neural_cut

BLOCKS = torch.block_diag(torch.ones(4, 4), torch.ones(4, 4)).double()


def groups(labels: list[int], n_classes: int = 2) -> Tensor:
    return torch.eye(n_classes, dtype=torch.float64)[torch.tensor(labels)]


def dense(affinity: Tensor, probs: Tensor) -> tuple[float, float]:
    """Transcribe the paper, with its diagonal matrices and without small numbers."""
    degrees = torch.diag(affinity.sum(dim=1))
    members = probs @ torch.diag((torch.ones(len(probs)).double() @ degrees @ probs) ** -0.5)
    trace = torch.trace(members.T @ (degrees - affinity) @ members)
    return float(trace), float((members.T @ degrees @ members - torch.eye(probs.shape[1]).double()).norm())


@pytest.mark.parametrize("labels", [[0, 0, 0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0, 0]])
def test_nn_1_right_groups_cost_nothing(labels: list[int]) -> None:
    assert [float(part) for part in neural_cut(BLOCKS, groups(labels))] == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3, 20])
def test_nn_2_undecided_pixels_cut_nothing_but_are_not_disjoint(n_classes: int) -> None:
    probs = torch.full((8, n_classes), 1 / n_classes, dtype=torch.float64)
    assert [float(part) for part in neural_cut(BLOCKS, probs)] == pytest.approx([0, math.sqrt(n_classes - 1)], abs=1e-6)


def test_nn_3_mixed_halves_cut_one() -> None:
    parts = neural_cut(BLOCKS, groups([0, 0, 1, 1, 0, 0, 1, 1]))
    assert [float(part) for part in parts] == pytest.approx([1, 0], abs=1e-6)


@pytest.mark.parametrize("n_classes", [2, 20])
def test_one_class_everywhere_cuts_nothing_but_leaves_the_others_empty(n_classes: int) -> None:
    parts = neural_cut(BLOCKS, groups([0] * 8, n_classes))
    assert [float(part) for part in parts] == pytest.approx([0, math.sqrt(n_classes - 1)], abs=1e-6)


def test_sizes_of_the_groups_do_not_matter() -> None:
    affinity = torch.block_diag(torch.ones(7, 7), torch.ones(1, 1)).double()
    assert [float(part) for part in neural_cut(affinity, groups([0] * 7 + [1]))] == pytest.approx([0, 0], abs=1e-6)


@pytest.fixture
def graph() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    looks = torch.randn((30, 5), generator=generator, dtype=torch.float64)
    logits = torch.randn((30, 4), generator=generator, dtype=torch.float64)
    return affinity_of(looks, 0.5), logits.softmax(dim=1)


def test_equals_the_paper_with_its_matrices(graph: tuple[Tensor, Tensor]) -> None:
    assert [float(part) for part in neural_cut(*graph)] == pytest.approx(dense(*graph), abs=1e-6)


def test_scale_of_the_affinity_does_not_matter(graph: tuple[Tensor, Tensor]) -> None:
    ours, theirs = neural_cut(*graph), neural_cut(1000 * graph[0], graph[1])
    assert [float(part) for part in ours] == pytest.approx([float(part) for part in theirs], abs=1e-9)


def test_affinity_is_a_gaussian_of_the_distance_over_its_mean_square() -> None:
    looks = torch.randn((20, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    squared = torch.cdist(looks, looks) ** 2
    expected = torch.exp(-squared / (2 * 0.3**2 * squared.mean())).fill_diagonal_(0)
    torch.testing.assert_close(affinity_of(looks, 0.3), expected)


def test_affinity_of_equal_pixels_is_one_but_with_themselves() -> None:
    assert torch.equal(affinity_of(torch.full((3, 2), 5.0), 0.4), 1 - torch.eye(3))


@pytest.fixture
def halves() -> Tensor:
    """Give two sections (2, 1, 32, 32), dark on one side and bright on the other."""
    image = torch.zeros(2, 1, 32, 32)
    image[0, :, :, 16:] = image[1, :, :, :16] = 10.0
    return image


def value(labels: Tensor, sections: Tensor, state, **settings: float) -> float:
    logits = 40 * torch.eye(2)[labels].movedim(-1, 1)  # (2, 2, 32, 32)
    batch = StepBatch(logits, torch.ones(2, 32, 32, dtype=torch.bool), sections=sections)
    return float(NeuralCut(scales_nm=(8.0,), **settings)(batch, state).loss)


def test_term_prefers_classes_that_look_alike_across_tiles(halves: Tensor, state) -> None:
    right = (halves[:, 0] > 5).long()
    by_side = (torch.arange(32) >= 16).long().expand(2, 32, 32)
    assert value(right, halves, state) < 0.2
    assert value(by_side, halves, state) > 0.3


def test_term_is_decided_at_both_collapses(halves: Tensor, state) -> None:
    one = torch.zeros(2, 32, 32, dtype=torch.int64)
    assert value(one, halves, state) == pytest.approx(1, abs=1e-4)
    assert value(one, halves, state, decided=2.0) == pytest.approx(2, abs=1e-4)
    batch = StepBatch(torch.zeros(2, 20, 32, 32), torch.ones(2, 32, 32, dtype=torch.bool), sections=halves)
    out = NeuralCut()(batch, state)
    assert float(out.loss) == pytest.approx(1, abs=1e-4)
    assert out.logs == pytest.approx({"cut": 0, "undecided": 1}, abs=1e-4)


def test_gradient_leads_away_from_both_collapses(halves: Tensor, state) -> None:
    generator = torch.Generator().manual_seed(0)
    nearly = 0.1 * torch.randn((2, 2, 32, 32), generator=generator)
    for logits in (nearly, nearly + torch.tensor([4.0, 0.0])[:, None, None]):
        leaf = logits.clone().requires_grad_()
        mask = torch.ones(2, 32, 32, dtype=torch.bool)
        before = NeuralCut()(StepBatch(leaf, mask, sections=halves), state).loss
        before.backward()
        assert leaf.grad is not None
        assert leaf.grad.norm() > 1e-4
        after = NeuralCut()(StepBatch(logits - leaf.grad / leaf.grad.abs().max(), mask, sections=halves), state).loss
        assert after < before.detach()


def test_learned_features_are_taken_as_they_are(raw, state) -> None:
    leaves = raw.leaves()
    term = NeuralCut(looks="features")
    assert term.parts() == {"logits"}
    term(leaves.batch(), state).loss.backward()
    assert {name for name, leaf in leaves.values.items() if leaf.grad is not None} == {"logits"}
    assert term(raw.batch(), state).loss != NeuralCut()(raw.batch(), state).loss
