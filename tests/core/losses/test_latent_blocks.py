"""Hidden blocks in feature space; JEPA-1 is the test vector of the methods reference."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from napari_em_autoclass.core.losses import Seen, Sizes, StepBatch, TrainState
from napari_em_autoclass.core.losses.latent_blocks import LatentBlocks, TokenPredictor, normalised

SIZES = Sizes(n_classes=5, n_features=6, n_neighbours=4)


def with_predictor(network: object = None) -> TrainState:
    torch.manual_seed(0)
    return TrainState(10, 0.5, networks={"latent_blocks": network or LatentBlocks().network(SIZES)})


@pytest.fixture
def batch() -> StepBatch:
    """Give two tiles of 4 x 5 tokens of 8 pixels, of which a third are hidden."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn((2, 2, 6, 32, 40), generator=generator)
    hidden = (torch.rand((2, 4, 5), generator=generator) < 0.33).repeat_interleave(8, 1).repeat_interleave(8, 2)
    seen = {"masked": Seen(student, student), "teacher": Seen(teacher, teacher)}
    return StepBatch(student, torch.ones(2, 32, 40, dtype=torch.bool), student, seen, hidden)


def with_teacher(batch: StepBatch, features: Tensor) -> StepBatch:
    return replace(batch, seen={**batch.seen, "teacher": Seen(features, features)})


def test_jepa_1_scale_of_the_teacher_does_not_matter(batch: StepBatch) -> None:
    teacher = batch.seen["teacher"].features
    losses = [LatentBlocks()(with_teacher(batch, s * teacher), with_predictor()).loss for s in (1, 10, 0.001)]
    assert float(losses[1].detach()) == pytest.approx(float(losses[0].detach()), abs=1e-6)
    assert float(losses[2].detach()) == pytest.approx(float(losses[0].detach()), abs=1e-6)


def test_jepa_1_no_gradient_reaches_the_teacher(batch: StepBatch) -> None:
    teacher = batch.seen["teacher"].features.clone().requires_grad_()
    student = batch.seen["masked"].features.clone().requires_grad_()
    seen = {"masked": Seen(student, student), "teacher": Seen(teacher, teacher)}
    state = with_predictor()
    LatentBlocks()(replace(batch, seen=seen), state).loss.backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert all(p.grad is not None for p in state.networks["latent_blocks"].parameters())


def test_target_is_the_layer_norm_of_the_mean_features_of_a_token(batch: StepBatch) -> None:
    teacher = batch.seen["teacher"].features
    means = teacher.reshape(2, 6, 4, 8, 5, 8).mean(dim=(3, 5))  # (2, 6, 4, 5)
    exact = layer_norm(means.movedim(1, -1), (6,), eps=1e-9).movedim(-1, 1)
    told = with_predictor(lambda *_: exact)
    assert float(LatentBlocks()(batch, told).loss) == pytest.approx(0, abs=1e-6)
    # Beta is 1: an error of 3 counts as 3 - 1/2, one of 0.5 as 0.125.
    for error, cost in ((3.0, 2.5), (0.5, 0.125)):
        off = with_predictor(lambda *_, error=error: exact + error)
        assert float(LatentBlocks()(batch, off).loss) == pytest.approx(cost, abs=1e-3)


def test_only_hidden_tokens_count_and_only_visible_ones_are_read(batch: StepBatch) -> None:
    asked: list[tuple[Tensor, Tensor]] = []

    def predictor(tokens: Tensor, known: Tensor) -> Tensor:
        asked.append((tokens, known))
        return torch.where(known[:, None], 99.0, torch.zeros_like(tokens))

    loss = LatentBlocks()(batch, with_predictor(predictor)).loss
    assert float(loss) < 1
    assert batch.hidden is not None
    assert torch.equal(asked[0][1], ~batch.hidden[:, ::8, ::8])


def test_features_under_hidden_blocks_are_not_read(batch: StepBatch) -> None:
    student = batch.seen["masked"].features
    assert batch.hidden is not None
    spoilt = torch.where(batch.hidden[:, None], student + 5, student)
    other = replace(batch, seen={**batch.seen, "masked": Seen(spoilt, spoilt)})
    assert LatentBlocks()(batch, with_predictor()).loss == LatentBlocks()(other, with_predictor()).loss


def test_nothing_known_costs_about_two_fifths() -> None:
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn((1, 32, 128, 128), generator=generator)
    mask = torch.ones(1, 128, 128, dtype=torch.bool)
    batch = StepBatch(teacher, mask, seen={"masked": Seen(teacher, teacher), "teacher": Seen(teacher, teacher)})
    nothing = with_predictor(lambda tokens, _: torch.zeros_like(tokens))
    out = LatentBlocks()(replace(batch, hidden=mask), nothing)
    assert float(out.loss) == pytest.approx(0.4, abs=0.03)
    assert out.logs["spread_of_targets"] == pytest.approx(1, abs=0.05)


def test_features_that_are_the_same_everywhere_have_no_spread(batch: StepBatch) -> None:
    same = torch.linspace(-1, 1, 6)[None, :, None, None].expand(2, 6, 32, 40)
    out = LatentBlocks()(with_teacher(batch, same), with_predictor())
    assert out.logs["spread_of_targets"] == pytest.approx(0, abs=1e-5)


def test_predictor_knows_where_a_token_is_and_what_is_beside_it() -> None:
    torch.manual_seed(0)
    network = TokenPredictor(6, 16, 1)
    tokens, known = torch.randn(1, 6, 3, 4), torch.ones(1, 3, 4, dtype=torch.bool)
    known[0, 1, 1:3] = False
    out = network(tokens, known)
    assert out.shape == (1, 6, 3, 4)
    assert not torch.allclose(out[0, :, 1, 1], out[0, :, 1, 2])  # equal but for their place
    changed = tokens.clone()
    changed[0, :, 1, 1] = 9  # a hidden one
    assert torch.equal(network(changed, known), out)
    changed[0, :, 0, 0] = 9
    assert not torch.allclose(network(changed, known)[0, :, 1, 1], out[0, :, 1, 1])


def test_normalised_takes_features_that_are_all_zero() -> None:
    assert (normalised(torch.zeros(3, 6)) == 0).all()


def test_training_foretells_hidden_blocks_of_a_pattern() -> None:
    """Two halves of two kinds of token: what is hidden follows from where it is and what is around it."""
    kinds = (torch.arange(8) >= 4).long().expand(8, 8)
    vectors = torch.tensor([[1.0, -1, 1, -1, 0, 0], [-1.0, 1, 0, 0, 1, -1]])
    features = vectors[kinds].movedim(-1, 0)[None].repeat_interleave(8, 2).repeat_interleave(8, 3)  # (1, 6, 64, 64)
    mask = torch.ones(1, 64, 64, dtype=torch.bool)
    batch = StepBatch(features, mask, seen={name: Seen(features, features) for name in ("masked", "teacher")})
    state = with_predictor()
    optimiser = torch.optim.Adam(state.networks["latent_blocks"].parameters(), 3e-3)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(60):
        hidden = (torch.rand((1, 8, 8), generator=generator) < 0.4).repeat_interleave(8, 1).repeat_interleave(8, 2)
        optimiser.zero_grad()
        loss = LatentBlocks()(replace(batch, hidden=hidden), state).loss
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]


def test_gradient_is_the_derivative() -> None:
    generator = torch.Generator().manual_seed(0)
    student = torch.randn((1, 6, 4, 8), generator=generator, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn((1, 6, 4, 8), generator=generator, dtype=torch.float64)
    mask = torch.ones(1, 4, 8, dtype=torch.bool)
    hidden = mask.clone()
    hidden[..., 4:] = False
    term = LatentBlocks(token=4)
    torch.manual_seed(0)
    state = TrainState(10, 0.5, networks={"latent_blocks": term.network(SIZES).double()})

    def value(x: Tensor) -> Tensor:
        seen = {"masked": Seen(x, x), "teacher": Seen(teacher, teacher)}
        return term(StepBatch(x, mask, x, seen, hidden), state).loss

    assert torch.autograd.gradcheck(value, [student])


def test_nothing_hidden_costs_nothing(batch: StepBatch) -> None:
    assert batch.hidden is not None
    for hidden in (None, torch.zeros_like(batch.hidden)):
        assert LatentBlocks()(replace(batch, hidden=hidden), with_predictor()).loss == 0


def test_an_impossible_width_is_refused() -> None:
    with pytest.raises(ValueError, match="width"):
        LatentBlocks(width=30)
