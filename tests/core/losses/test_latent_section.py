from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from napari_em_autoclass.core.losses import Seen, Sizes, StepBatch, TrainState
from napari_em_autoclass.core.losses.latent_section import LatentSection, SectionPredictor

SIZES = Sizes(n_classes=5, n_features=6, n_neighbours=4)


def with_predictor(network: object = None) -> TrainState:
    torch.manual_seed(0)
    return TrainState(10, 0.5, networks={"latent_section": network or LatentSection().network(SIZES)})


def batch_of(beside: Tensor, teacher: Tensor) -> StepBatch:
    seen = {"neighbour": Seen(beside, beside), "teacher": Seen(teacher, teacher)}
    return StepBatch(beside, torch.ones(len(beside), *beside.shape[-2:], dtype=torch.bool), beside, seen)


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    beside, teacher = torch.randn((2, 2, 6, 16, 20), generator=torch.Generator().manual_seed(0))
    return beside, teacher


@pytest.mark.parametrize("error", [0.0, 0.25, 3.0])
def test_a_constant_error_costs_itself(pair: tuple[Tensor, Tensor], error: float) -> None:
    beside, teacher = pair
    exact = layer_norm(teacher.movedim(1, -1), (6,), eps=1e-9).movedim(-1, 1)
    state = with_predictor(lambda _: exact + error)
    assert float(LatentSection(token=1)(batch_of(beside, teacher), state).loss) == pytest.approx(error, abs=1e-4)


def test_scale_of_the_teacher_does_not_matter(pair: tuple[Tensor, Tensor]) -> None:
    beside, teacher = pair
    losses = [LatentSection()(batch_of(beside, s * teacher), with_predictor()).loss.detach() for s in (1, 10)]
    assert float(losses[0]) == pytest.approx(float(losses[1]), abs=1e-6)


def test_gradient_reaches_the_neighbour_and_the_predictor_but_no_teacher(pair: tuple[Tensor, Tensor]) -> None:
    beside, teacher = (x.clone().requires_grad_() for x in pair)
    state = with_predictor()
    LatentSection()(batch_of(beside, teacher), state).loss.backward()
    assert teacher.grad is None
    assert beside.grad is not None
    assert all(p.grad is not None for p in state.networks["latent_section"].parameters())


def test_nothing_known_costs_about_four_fifths() -> None:
    teacher = torch.randn((1, 32, 64, 64), generator=torch.Generator().manual_seed(0))
    out = LatentSection()(batch_of(teacher, teacher), with_predictor(torch.zeros_like))
    assert float(out.loss) == pytest.approx(math.sqrt(2 / math.pi), abs=0.03)
    assert out.logs["spread_of_targets"] == pytest.approx(1, abs=0.05)


def test_features_that_are_the_same_everywhere_have_no_spread(pair: tuple[Tensor, Tensor]) -> None:
    same = torch.linspace(-1, 1, 6)[None, :, None, None].expand(2, 6, 16, 20)
    out = LatentSection()(batch_of(pair[0], same), with_predictor())
    assert out.logs["spread_of_targets"] == pytest.approx(0, abs=1e-5)


def test_predictor_sees_nine_by_nine() -> None:
    torch.manual_seed(0)
    values = torch.randn(1, 6, 21, 21, requires_grad=True)
    SectionPredictor(6, 8)(values)[0, :, 10, 10].sum().backward()
    assert values.grad is not None
    ys, xs = values.grad.abs().sum(dim=(0, 1)).nonzero(as_tuple=True)
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == (6, 14, 6, 14)


def test_training_foretells_a_section_that_is_the_neighbour_moved(pair: tuple[Tensor, Tensor]) -> None:
    beside = pair[0]
    batch = batch_of(beside, beside.roll((1, -2), dims=(2, 3)))
    term, state = LatentSection(token=1), with_predictor()
    optimiser = torch.optim.Adam(state.networks["latent_section"].parameters(), 0.01)
    losses = []
    for _ in range(100):
        optimiser.zero_grad()
        loss = term(batch, state).loss
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_gradient_is_the_derivative() -> None:
    generator = torch.Generator().manual_seed(0)
    beside, teacher = torch.randn((2, 1, 6, 4, 8), generator=generator, dtype=torch.float64)
    torch.manual_seed(0)
    state = with_predictor(LatentSection().network(SIZES).double())

    def value(x: Tensor) -> Tensor:
        return LatentSection()(batch_of(x, teacher), state).loss

    assert torch.autograd.gradcheck(value, [beside.requires_grad_()])


def test_nothing_valid_costs_nothing(pair: tuple[Tensor, Tensor]) -> None:
    batch = batch_of(*pair)
    assert LatentSection()(replace(batch, mask=torch.zeros_like(batch.mask)), with_predictor()).loss == 0
