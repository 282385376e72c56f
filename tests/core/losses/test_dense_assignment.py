from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import Seen, Sizes, StepBatch, TrainState
from napari_em_autoclass.core.losses.bank import Bank
from napari_em_autoclass.core.losses.dense_assignment import DenseAssignment, foreground
from napari_em_autoclass.core.losses.sinkhorn import sinkhorn

ALL = DenseAssignment(foreground=1)


def with_queue(term: DenseAssignment, n_classes: int = 5) -> tuple[TrainState, Bank]:
    queue = term.network(Sizes(n_classes, 6, 4))
    return TrainState(10, 0.5, networks={term.kind: queue}), queue


def value(term: DenseAssignment, batch: StepBatch) -> Tensor:
    return term(batch, with_queue(term, batch.logits.shape[1])[0]).loss


def image_with_texture() -> Tensor:
    """Give a tile of 40 x 40 whose left half is even and whose right half is noise."""
    image = torch.zeros(1, 40, 40)
    image[..., 20:] = torch.randn((1, 40, 20), generator=torch.Generator().manual_seed(0))
    return image


# --- foreground ------------------------------------------------------------------------------------------------------


def test_foreground_is_where_the_image_varies() -> None:
    mask = torch.ones(1, 40, 40, dtype=torch.bool)
    found = foreground(image_with_texture(), mask, 0.6)
    assert not found[..., :15].any()
    assert 0.4 < float(found[..., 20:].float().mean()) < 0.8


def test_foreground_holds_the_share_of_the_variance() -> None:
    mask = torch.ones(1, 40, 40, dtype=torch.bool)
    sizes = [int(foreground(image_with_texture(), mask, share).sum()) for share in (0.1, 0.5, 0.9, 1.0)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 1600


def test_foreground_equals_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(1)
    image = torch.randn((2, 14, 17), generator=generator) * torch.rand((2, 14, 17), generator=generator)
    mask = torch.rand((2, 14, 17), generator=generator) > 0.3
    variances = {}
    for tile, row, column in mask.nonzero().tolist():
        window = (tile, slice(max(row - 4, 0), row + 5), slice(max(column - 4, 0), column + 5))
        variances[tile, row, column] = float(image[window][mask[window]].var(correction=0))
    expected, total, so_far = torch.zeros_like(mask), sum(variances.values()), 0.0
    for place in sorted(variances, key=lambda place: -variances[place]):
        expected[place] = True
        so_far += variances[place]
        if so_far >= 0.6 * total:
            break
    assert torch.equal(foreground(image, mask, 0.6), expected)


def test_foreground_does_not_look_outside_the_mask() -> None:
    mask = torch.zeros(1, 40, 40, dtype=torch.bool)
    mask[:, 8:-8, 8:-8] = True
    image = image_with_texture()
    spoilt = torch.where(mask, image, float("nan"))
    assert torch.equal(foreground(image, mask, 0.6), foreground(spoilt, mask, 0.6))


def test_all_of_an_even_image_is_foreground() -> None:
    mask = torch.rand((2, 9, 9)) > 0.5
    assert torch.equal(foreground(torch.full((2, 9, 9), 3.0), mask, 0.6), mask)


# --- the term --------------------------------------------------------------------------------------------------------


def flat(logits: Tensor, teacher: Tensor) -> StepBatch:
    def as_map(rows: Tensor) -> Tensor:
        return rows.T[None, :, None, :]

    mask = torch.ones(1, 1, len(logits), dtype=torch.bool)
    seen = {"teacher": Seen(as_map(teacher), as_map(teacher))}
    return StepBatch(as_map(logits), mask, seen=seen, sections=torch.zeros(1, 1, 1, len(logits)))


def test_is_zero_when_sure_and_agreed_and_ln_k_when_undecided() -> None:
    good = 60 * torch.eye(20).repeat(4, 1)
    assert float(value(DenseAssignment(), flat(good, good))) == pytest.approx(0, abs=1e-5)
    same = torch.zeros(80, 20)
    assert float(value(DenseAssignment(), flat(same, same))) == pytest.approx(math.log(20), abs=1e-5)


def test_at_one_class_everywhere_it_is_large_and_pulls_back() -> None:
    one = (60 * torch.eye(20)[:1]).repeat(40, 1).requires_grad_()
    loss = value(DenseAssignment(), flat(one, one.detach()))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(60 * 19 / 20, rel=1e-4)
    assert (one.grad[:, 0] > 0).all()


def test_value_equals_the_formula_on_the_foreground(raw) -> None:
    batch = raw.batch()
    codes = sinkhorn(batch.seen["teacher"].logits.movedim(1, -1)[batch.mask], eps=0.5, iterations=3)
    cost = -(codes * batch.logits.movedim(1, -1)[batch.mask].log_softmax(dim=1)).sum(dim=1)
    chosen = foreground(batch.sections[:, 0], batch.mask, 0.6)[batch.mask]
    assert 0 < int(chosen.sum()) < len(chosen)
    torch.testing.assert_close(value(DenseAssignment(), batch), cost[chosen].mean())
    torch.testing.assert_close(value(ALL, batch), cost.mean())


def test_the_queue_counts_in_the_sizes_of_classes() -> None:
    # What was seen before was all class 0, so what comes now, undecided between 0 and 1, is class 1.
    undecided = torch.zeros(50, 2) + 0.01 * torch.randn((50, 2), generator=torch.Generator().manual_seed(0))
    alone = ALL
    state, queue = with_queue(alone, 2)
    queue.push(torch.tensor([[3.0, 0.0]]).repeat(50, 1))
    leaf = undecided.clone().requires_grad_()
    alone(flat(leaf, undecided), state).loss.backward()
    assert (leaf.grad[:, 1] < -1e-3).all(), "descending raises class 1"
    assert len(queue) == 100


def test_the_queue_takes_the_teachers_logits_from_within_the_mask(raw) -> None:
    state, queue = with_queue(ALL)
    batch = raw.batch()
    ALL(batch, state)
    rows = batch.seen["teacher"].logits.movedim(1, -1)[batch.mask]
    held = queue.held()
    assert len(held) == min(1024, len(rows))
    assert {tuple(row) for row in held.tolist()} <= {tuple(row) for row in rows.tolist()}


@pytest.mark.parametrize(("student", "learned"), [("section", "logits"), ("turned", "turned")])
def test_only_the_student_learns(raw, student, learned: str) -> None:
    leaves = raw.leaves()
    term = DenseAssignment(student=student)
    value(term, leaves.batch()).backward()
    assert {name for name, tensor in leaves.values.items() if tensor.grad is not None} == {learned}
    assert term.parts() >= {learned, "teacher", "sections"}


def test_without_images_it_is_worth_nothing(raw) -> None:
    assert value(DenseAssignment(), replace(raw.batch(), sections=None)) == 0
