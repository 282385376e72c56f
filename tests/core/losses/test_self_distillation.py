from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import Sizes, TrainState
from napari_em_autoclass.core.losses.self_distillation import MaskedDistillation, RunningCentre, SelfDistillation

BALANCINGS = ["centre", "assignment"]


def with_memory(term: SelfDistillation | MaskedDistillation, n_classes: int = 5) -> tuple[TrainState, RunningCentre]:
    memory = term.network(Sizes(n_classes, 6, 4))
    return TrainState(10, 0.5, networks={term.kind: memory}), memory


def value(term, batch) -> Tensor:
    return term(batch, with_memory(term, batch.logits.shape[1])[0]).loss


def test_dino_1_equal_logits_cost_ln_k_and_have_no_gradient(flat_batch) -> None:
    logits = torch.full((30, 20), 2.0, requires_grad=True)
    loss = value(SelfDistillation(), flat_batch(logits, teacher=logits.detach()))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(math.log(20), abs=1e-5)
    assert logits.grad.abs().max() < 1e-7


def test_dino_2_the_centre_moves_after_the_loss(flat_batch) -> None:
    term = SelfDistillation()
    state, memory = with_memory(term, 3)
    teacher = torch.tensor([[1.0, -2.0, 3.0], [3.0, -4.0, 5.0]])
    batch = flat_batch(torch.zeros(2, 3), teacher=teacher)
    targets = (teacher / 0.4).softmax(dim=1)
    loss = term(replace(batch, logits=batch.seen["teacher"].logits), state).loss
    assert float(loss) == pytest.approx(-float((targets * teacher.log_softmax(dim=1)).sum() / 2), abs=1e-6)
    torch.testing.assert_close(memory.centre, 0.1 * torch.tensor([2.0, -3.0, 4.0]))
    torch.testing.assert_close(memory.state_dict()["centre"], memory.centre)


@pytest.mark.parametrize("balancing", BALANCINGS)
def test_is_zero_when_network_and_teacher_are_sure_and_agree(flat_batch, balancing) -> None:
    good = 60 * torch.eye(20).repeat(4, 1)
    loss = value(SelfDistillation(balancing=balancing), flat_batch(good, teacher=good))
    assert float(loss) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("balancing", "n_steps"), [("centre", 30), ("assignment", 1)])
def test_one_class_everywhere_becomes_costly(flat_batch, balancing, n_steps: int) -> None:
    term = SelfDistillation(balancing=balancing)
    state, _ = with_memory(term, 20)
    one = (5 * torch.eye(20)[:1]).repeat(40, 1).requires_grad_()
    batch = flat_batch(one, teacher=one.detach())
    losses = [term(batch, state).loss for _ in range(n_steps)]
    if balancing == "centre":
        assert float(losses[0].detach()) < 0.15, "at first the teacher only makes it surer"
    losses[-1].backward()
    assert float(losses[-1].detach()) > math.log(20)
    assert (one.grad[:, 0] > 0).all(), "descending takes from the class that holds all"


@pytest.mark.parametrize("term", [SelfDistillation(), MaskedDistillation()], ids=lambda term: term.kind)
@pytest.mark.parametrize("source", ["teacher", "teacher_neighbour"])
def test_the_teacher_gets_no_gradient(raw, term, source) -> None:
    leaves = raw.leaves()
    value(term.replace(source=source), leaves.batch()).backward()
    learned = "masked" if term.kind == "masked_distillation" else "logits"
    assert {name for name, tensor in leaves.values.items() if tensor.grad is not None} == {learned}


def test_sharpening_lowers_the_entropy_of_the_target(raw) -> None:
    entropies = []
    for temperature in (0.1, 0.4, 1.0, 2.0):
        term = SelfDistillation(teacher_temperature=temperature)
        entropies.append(term(raw.batch(), with_memory(term)[0]).logs["target_entropy"])
    assert entropies == sorted(entropies)


def test_divergence_is_the_value_without_the_entropy_of_the_target(raw) -> None:
    term = SelfDistillation(teacher_temperature=1.0)
    batch = raw.batch()
    same = replace(batch, logits=batch.seen["teacher"].logits)
    out = term(same, with_memory(term)[0])
    assert out.logs["divergence"] == pytest.approx(0, abs=1e-5)
    assert out.logs["target_entropy"] == pytest.approx(float(out.loss), abs=1e-5)


def test_learns_from_hidden_pixels_alone(raw) -> None:
    term, batch = MaskedDistillation(), raw.batch()
    outside = ~(batch.hidden & batch.mask)[:, None]
    seen = {
        **batch.seen,
        **{
            name: batch.seen[name]._replace(logits=torch.where(outside, 99.0, batch.seen[name].logits))
            for name in ("masked", "teacher")
        },
    }
    assert value(term, batch) == value(term, replace(batch, seen=seen))


def test_masked_value_equals_a_plain_loop(raw) -> None:
    batch = raw.batch()
    costs = []
    for tile, row, column in torch.nonzero(batch.mask & batch.hidden).tolist():
        target = (batch.seen["teacher"].logits[tile, :, row, column] / 0.4).softmax(dim=0)
        costs.append(-float((target * batch.seen["masked"].logits[tile, :, row, column].log_softmax(dim=0)).sum()))
    assert float(value(MaskedDistillation(), batch)) == pytest.approx(sum(costs) / len(costs), rel=1e-5)


def test_nothing_hidden_is_worth_nothing(raw) -> None:
    batch = raw.batch()
    assert value(MaskedDistillation(), replace(batch, hidden=torch.zeros_like(batch.hidden))) == 0


def test_a_nearer_teacher_costs_less(raw) -> None:
    batch = raw.batch()
    own = batch.seen["teacher"]._replace(logits=batch.logits)
    assert value(SelfDistillation(), replace(batch, seen={"teacher": own})) < value(SelfDistillation(), batch)
