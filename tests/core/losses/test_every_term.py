"""What holds for every loss term there is; a new term is tested here by being in `AnyLossTerm`."""

from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from napari_em_autoclass.core.losses import TERMS, AnyLossTerm, LossTerm, Seen, Sizes, StepBatch, TrainState

SIZES = Sizes(n_classes=5, n_features=6, n_neighbours=4)


@pytest.fixture(params=TERMS, ids=lambda term: term.__name__)
def term(request: pytest.FixtureRequest) -> LossTerm:
    made: LossTerm = request.param()
    return made


def with_network(term: LossTerm, sizes: Sizes, dtype: torch.dtype = torch.float32) -> TrainState:
    """Return the middle of a training, with a fresh network of `term` if it has one: the same each time."""
    torch.manual_seed(0)
    network = term.network(sizes)
    return TrainState(10, 0.5, networks={} if network is None else {term.kind: network.to(dtype).train()})


@pytest.fixture
def state(term: LossTerm) -> TrainState:
    return with_network(term, SIZES)


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
    networks = [p.grad for network in state.networks.values() for p in network.parameters() if p.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in networks)
    assert sum(float(gradient.abs().sum()) for gradient in leaves.gradients()) > 1e-6


def test_same_value_twice(term: LossTerm, raw, state: TrainState) -> None:
    again = with_network(term, SIZES)
    assert term(raw.batch(), state).loss == term(raw.batch(), again).loss


def test_random_numbers_come_from_the_state_alone(term: LossTerm, raw, state: TrainState) -> None:
    again = with_network(term, SIZES)
    loss = term(raw.batch(), state).loss
    torch.manual_seed(99)
    assert term(raw.batch(), again).loss == loss


def test_order_of_the_tiles_does_not_matter(term: LossTerm, raw, state: TrainState) -> None:
    if term.samples_pixels:
        pytest.skip("which pixels are drawn depends on their order")
    turned = raw.reordered(lambda values: values.flip(0))
    torch.testing.assert_close(term(turned.batch(), state).loss, term(raw.batch(), with_network(term, SIZES)).loss)


def test_size_of_the_crop_does_not_matter(term: LossTerm, raw, state: TrainState) -> None:
    if term.samples_pixels:
        pytest.skip("how many pixels are compared is a part of the formula")
    larger = raw.reordered(doubled)
    assert larger.mask.sum() == 4 * raw.mask.sum()
    torch.testing.assert_close(term(larger.batch(), state).loss, term(raw.batch(), with_network(term, SIZES)).loss)


def test_masked_pixels_are_ignored(term: LossTerm, raw, state: TrainState) -> None:
    # Forecasts come as sampled pixels, which the sampler takes from within the mask.
    hidden = ~raw.mask[:, None]
    spoilt = raw.mapped(lambda values: torch.where(hidden, values.flip(1) + 7, values) if values.ndim == 4 else values)
    assert not torch.equal(spoilt.values["logits"], raw.values["logits"])
    assert term(spoilt.batch(), state).loss == term(raw.batch(), with_network(term, SIZES)).loss


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
    wide = term(rounded.mapped(Tensor.float).batch(), with_network(term, SIZES)).loss
    torch.testing.assert_close(loss, wide)


def test_without_its_targets_a_term_is_zero_and_can_go_backward(term: LossTerm, raw, state: TrainState) -> None:
    logits = raw.values["logits"].clone().requires_grad_()
    reads_more = term.parts() != {"logits"}
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


def test_gradient_is_the_derivative(term: LossTerm) -> None:
    if not term.has_exact_gradient:
        pytest.skip("its targets follow the input but count as fixed")
    generator = torch.Generator().manual_seed(3)
    targets = torch.randint(5, (32,), generator=generator)
    mask = torch.ones(1, 4, 8, dtype=torch.bool)
    hidden = torch.rand((1, 4, 8), generator=generator) > 0.5
    sections = torch.randn((1, 5, 4, 8), generator=generator, dtype=torch.float64)
    inputs = [torch.randn((32, 5), generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(6)]

    def value(*rows: Tensor) -> Tensor:
        logits, features, other, other_features, predicted = (r.T.reshape(1, 5, 4, 8) for r in rows[:5])
        # Moved off balance, so that the hinge of the balance term is away from its kink.
        logits = logits + 3 * torch.eye(5, dtype=torch.float64)[0].reshape(1, 5, 1, 1)
        seen = {part: Seen(other_features, other) for part in ("view", "turned", "neighbour", "masked")}
        # No gradient reaches a teacher.
        fixed = Seen(other_features.detach(), other.detach())
        batch = StepBatch(
            logits,
            mask,
            features,
            {**seen, "teacher": fixed, "teacher_neighbour": fixed},
            hidden,
            sections,
            (0, -1, 1, -2, 2),
            (50.0, 8.0),
            predicted,
            targets.reshape(1, 4, 8),
            {"near": (rows[5], targets)},
        )
        fresh = with_network(term, Sizes(n_classes=5, n_features=5, n_neighbours=4), torch.float64)
        return term(batch, fresh).loss

    reads_teacher = any(part.startswith("teacher") for part in term.parts())
    if reads_teacher:
        inputs = [x if i not in (2, 3) else x.detach() for i, x in enumerate(inputs)]
    assert torch.autograd.gradcheck(value, inputs)


@pytest.mark.parametrize("field", ["weight", "start", "end"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), 101.0, "much"])
def test_a_weight_or_time_out_of_bounds_is_refused(term: LossTerm, field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        term.replace(**{field: value})


def test_a_field_that_is_not_there_is_refused(term: LossTerm) -> None:
    with pytest.raises(ValueError, match="wieght"):
        term.replace(wieght=1.0)
