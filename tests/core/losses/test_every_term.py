"""What holds for every loss term there is; a new term is tested here by being in `AnyLossTerm`."""

from __future__ import annotations

import typing

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from napari_em_autoclass.core.losses import AnyLossTerm, LossTerm, StepBatch, TrainState

TERMS = typing.get_args(typing.get_args(AnyLossTerm)[0])


@pytest.fixture(params=TERMS, ids=lambda term: term.__name__)
def term(request: pytest.FixtureRequest) -> LossTerm:
    made: LossTerm = request.param()
    return made


def doubled(values: Tensor) -> Tensor:
    """Tile maps 2 x 2 and rows twice, so that each pixel occurs equally more often."""
    return values.repeat(1, *(1,) * (values.ndim - 3), 2, 2) if values.ndim > 2 else torch.cat([values, values])


def test_there_is_more_than_one_term() -> None:
    assert len(TERMS) > 1
    assert len({term().kind for term in TERMS}) == len(TERMS)


def test_value_is_a_finite_float32_scalar(term: LossTerm, raw, state: TrainState) -> None:
    loss = term(raw.batch(), state).loss
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert loss != 0, "the batch has what the term reads, so 0 would say that it reads nothing"


def test_logs_are_plain_numbers(term: LossTerm, raw, state: TrainState) -> None:
    logs = term(raw.batch(), state).logs
    assert all(isinstance(name, str) and isinstance(value, float) for name, value in logs.items())


def test_some_logits_get_a_gradient(term: LossTerm, raw, state: TrainState) -> None:
    leaves = raw.leaves()
    term(leaves.batch(), state).loss.backward()
    assert sum(float(gradient.abs().sum()) for gradient in leaves.gradients()) > 1e-6


def test_same_value_twice(term: LossTerm, raw, state: TrainState) -> None:
    assert term(raw.batch(), state).loss == term(raw.batch(), state).loss


def test_order_of_the_tiles_does_not_matter(term: LossTerm, raw, state: TrainState) -> None:
    turned = raw.reordered(lambda values: values.flip(0))
    torch.testing.assert_close(term(turned.batch(), state).loss, term(raw.batch(), state).loss)


def test_size_of_the_crop_does_not_matter(term: LossTerm, raw, state: TrainState) -> None:
    larger = raw.reordered(doubled)
    assert larger.mask.sum() == 4 * raw.mask.sum()
    torch.testing.assert_close(term(larger.batch(), state).loss, term(raw.batch(), state).loss)


def test_masked_pixels_are_ignored(term: LossTerm, raw, state: TrainState) -> None:
    # Forecasts come as sampled pixels, which the sampler takes from within the mask.
    hidden = ~raw.mask[:, None]
    spoilt = raw.mapped(lambda values: torch.where(hidden, values.flip(1) + 7, values) if values.ndim == 4 else values)
    assert not torch.equal(spoilt.values["logits"], raw.values["logits"])
    assert term(spoilt.batch(), state).loss == term(raw.batch(), state).loss


@pytest.mark.parametrize("size", [30.0, 50.0, 1e4])
@pytest.mark.parametrize("collapsed", [False, True])
def test_value_and_gradient_are_finite_far_out(
    term: LossTerm, raw, state: TrainState, size: float, collapsed: bool
) -> None:
    def far_out(values: Tensor) -> Tensor:
        if not collapsed:
            return size * values.sign()
        one = torch.full_like(values, -size)
        one[:, 0] = size
        return one

    leaves = raw.mapped(far_out).leaves()
    loss = term(leaves.batch(), state).loss
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(gradient).all() for gradient in leaves.gradients())


@pytest.mark.parametrize("logits", [0.0, 1.0])
def test_value_and_gradient_are_finite_when_all_is_the_same(
    term: LossTerm, raw, state: TrainState, logits: float
) -> None:
    leaves = raw.mapped(lambda values: torch.full_like(values, logits)).leaves()
    loss = term(leaves.batch(), state).loss
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(gradient).all() for gradient in leaves.gradients())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_in_gives_float32_out(term: LossTerm, raw, state: TrainState, dtype: torch.dtype) -> None:
    # Rounded before, so that only the arithmetic differs.
    rounded = raw.mapped(lambda values: values.to(dtype))
    loss = term(rounded.batch(), state).loss
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, term(rounded.mapped(Tensor.float).batch(), state).loss)


def test_without_its_targets_a_term_is_zero_and_can_go_backward(term: LossTerm, raw, state: TrainState) -> None:
    logits = raw.values["logits"].clone().requires_grad_()
    reads_more = term.kind not in ("balance", "confidence")
    loss = term(StepBatch(logits, raw.mask), state).loss
    loss.backward()
    assert (loss == 0) == reads_more
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_without_its_targets_a_term_is_zero_in_half_precision_too(term: LossTerm, state: TrainState) -> None:
    # The sum of so many logits is beyond float16.
    logits = torch.full((2, 5, 64, 64), -30.0, dtype=torch.float16)
    loss = term(StepBatch(logits, torch.ones(2, 64, 64, dtype=torch.bool)), state).loss
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)


def test_settings_survive_json(term: LossTerm) -> None:
    changed = term.replace(weight=0.25, start=0.1, end=0.9)
    adapter: TypeAdapter[LossTerm] = TypeAdapter(AnyLossTerm)
    back = adapter.validate_json(changed.model_dump_json())
    assert back == changed
    assert type(back) is type(changed)


def test_gradient_is_the_derivative(term: LossTerm, state: TrainState) -> None:
    generator = torch.Generator().manual_seed(3)
    targets = torch.randint(5, (32,), generator=generator)
    mask = torch.ones(1, 4, 8, dtype=torch.bool)
    inputs = [torch.randn((32, 5), generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(4)]

    def value(logits: Tensor, view: Tensor, predicted: Tensor, forecast: Tensor) -> Tensor:
        maps = [rows.T.reshape(1, 5, 4, 8) for rows in (logits, view, predicted)]
        # Moved off balance, so that the hinge of the balance term is away from its kink.
        maps[0] = maps[0] + 3 * torch.eye(5, dtype=torch.float64)[0].reshape(1, 5, 1, 1)
        batch = StepBatch(maps[0], mask, maps[1], maps[2], targets.reshape(1, 4, 8), {"near": (forecast, targets)})
        return term(batch, state).loss

    assert torch.autograd.gradcheck(value, inputs)


@pytest.mark.parametrize("field", ["weight", "start", "end"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), 101.0, "much"])
def test_a_weight_or_time_out_of_bounds_is_refused(term: LossTerm, field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        term.replace(**{field: value})


def test_a_field_that_is_not_there_is_refused(term: LossTerm) -> None:
    with pytest.raises(ValueError, match="wieght"):
        term.replace(wieght=1.0)
