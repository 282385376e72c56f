from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from napari_em_autoclass.core.losses import Sizes, StepBatch, TrainState
from napari_em_autoclass.core.losses.denoising import Denoising, judged

SIZES = Sizes(n_classes=5, n_features=6, n_neighbours=4)


def with_networks(term: Denoising) -> TrainState:
    torch.manual_seed(0)
    return TrainState(10, 0.5, networks={"denoising": term.network(SIZES)})


def parameters(state: TrainState, which: str) -> list[Tensor]:
    return [p for name, p in state.networks["denoising"].named_parameters() if name.startswith(which)]


class Unsure(nn.Module):
    """A judge that says one half of everything."""

    def forward(self, image: Tensor) -> Tensor:
        return 0 * image


def test_a_judge_that_cannot_tell_costs_ln_2_on_both_sides() -> None:
    costs = judged(Unsure(), torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8))
    assert [float(cost) for cost in costs] == pytest.approx([math.log(2), math.log(2)], abs=1e-6)


def test_costs_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    judge = nn.Conv2d(1, 1, 3)
    made, real = torch.randn(2, 1, 8, 8), torch.randn(2, 1, 8, 8)
    for_maker, for_judge = (cost.detach() for cost in judged(judge, made, real))
    on_made, on_real = judge(made).sigmoid().detach(), judge(real).sigmoid().detach()
    assert float(for_maker) == pytest.approx(float(-on_made.log().mean()), abs=1e-5)
    plain = -(on_real.log().mean() + (1 - on_made).log().mean()) / 2
    assert float(for_judge) == pytest.approx(float(plain), abs=1e-5)


def test_each_side_gets_its_own_gradient_only() -> None:
    torch.manual_seed(0)
    judge = nn.Conv2d(1, 1, 3)
    made = torch.randn(1, 1, 8, 8, requires_grad=True)
    for_maker, for_judge = judged(judge, made, torch.randn(1, 1, 8, 8))
    weights = tuple(judge.parameters())
    assert torch.autograd.grad(for_maker, weights, allow_unused=True, retain_graph=True) == (None, None)
    assert torch.autograd.grad(for_judge, made, allow_unused=True) == (None,)
    # And it is the gradient that two separate updates would use.
    got = torch.autograd.grad(for_maker, made)[0]
    plain = torch.autograd.grad(binary_cross_entropy_with_logits(judge(made), torch.ones(1, 1, 6, 6)), made)[0]
    torch.testing.assert_close(got, plain)
    assert got.abs().sum() > 0


def test_without_a_judge_it_is_the_mean_absolute_difference(raw) -> None:
    term, batch = Denoising(), raw.batch()
    state = with_networks(term)
    made = state.networks["denoising"].decoder(batch.features, batch.mask)[:, 0]
    expected = (made - batch.sections[:, 0])[batch.mask].abs().mean()
    assert float(term(batch, state).loss.detach()) == pytest.approx(float(expected.detach()), abs=1e-6)


def test_knowing_the_mean_alone_costs_the_mean_deviation() -> None:
    image = torch.randn((2, 1, 64, 64), generator=torch.Generator().manual_seed(0))
    term = Denoising()
    state = with_networks(term)
    for parameter in parameters(state, "decoder"):
        nn.init.zeros_(parameter)
    batch = StepBatch(image, torch.ones(2, 64, 64, dtype=torch.bool), torch.zeros(2, 6, 64, 64), sections=image)
    assert float(term(batch, state).loss.detach()) == pytest.approx(math.sqrt(2 / math.pi), abs=0.02)


def test_judge_is_trained_and_trains_only_if_asked(raw) -> None:
    for weight in (0.0, 0.1):
        term, leaves = Denoising(judge=weight), raw.leaves()
        state = with_networks(term)
        term(leaves.batch(), state).loss.backward()
        assert {name for name, leaf in leaves.values.items() if leaf.grad is not None} == {"features"}
        assert all(p.grad is not None for p in parameters(state, "decoder"))
        assert all((p.grad is not None) == (weight > 0) for p in parameters(state, "judge"))


def test_judge_ignores_masked_pixels_too(raw) -> None:
    outside = ~raw.mask[:, None]
    spoilt = raw.mapped(lambda values: torch.where(outside, values + 7, values) if values.ndim == 4 else values)
    term = Denoising(judge=0.1)
    ours, theirs = (term(x.batch(), with_networks(term)) for x in (raw, spoilt))
    assert ours.loss == theirs.loss
    expected = ours.logs["difference"] + 0.1 * (ours.logs["convinces_judge"] + ours.logs["judge"])
    assert float(ours.loss.detach()) == pytest.approx(expected, abs=1e-6)


def test_training_denoises() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn((1, 1, 32, 32), generator=generator)
    features = clean + 0.1 * torch.randn((1, 6, 32, 32), generator=generator)
    batch = StepBatch(features, torch.ones(1, 32, 32, dtype=torch.bool), features, sections=clean)
    for weight in (0.0, 0.05):
        term = Denoising(judge=weight)
        state = with_networks(term)
        optimiser = torch.optim.Adam(state.networks["denoising"].parameters(), 0.01)
        first = float(Denoising()(batch, state).loss.detach())
        for _ in range(100):
            optimiser.zero_grad()
            term(batch, state).loss.backward()
            optimiser.step()
        assert float(Denoising()(batch, state).loss.detach()) < 0.3 * first


def test_nothing_valid_costs_nothing(raw) -> None:
    batch = raw.batch()
    assert Denoising()(replace(batch, mask=torch.zeros_like(batch.mask)), with_networks(Denoising())).loss == 0
