"""Reconstruction; MAE-1 and MAE-2 are test vectors of the methods reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import Seen, Sizes, StepBatch, TrainState
from napari_em_autoclass.core.losses.reconstruction import Reconstruction, mean_squared_error, standardised_patches

SIZES = Sizes(n_classes=5, n_features=6, n_neighbours=4)
HIDDEN = Reconstruction(from_="hidden")


def with_decoder(term: Reconstruction, sizes: Sizes = SIZES) -> TrainState:
    torch.manual_seed(0)
    return TrainState(10, 0.5, networks={"reconstruction": term.network(sizes)})


@pytest.fixture
def image() -> Tensor:
    return 3 + 2 * torch.randn((2, 20, 34), generator=torch.Generator().manual_seed(0))


def test_mae_1_predictions_on_visible_pixels_do_not_matter(image: Tensor) -> None:
    hidden = torch.zeros_like(image, dtype=torch.bool)
    hidden[:, :16, 16:32] = True
    made = torch.zeros_like(image)
    changed = torch.where(hidden, made, 7.0)
    assert mean_squared_error(made, image, hidden) == mean_squared_error(changed, image, hidden)
    assert float(mean_squared_error(image + 2, image, hidden)) == pytest.approx(4, abs=1e-5)


def test_mae_1_the_term_counts_hidden_pixels_alone(raw) -> None:
    batch = raw.batch()
    mask = torch.ones_like(batch.mask)
    hidden = torch.zeros_like(mask)
    hidden[:, :, :8] = True
    # A decoder that answers with the features themselves.
    told = torch.randn((3, 6, 16, 24), generator=torch.Generator().manual_seed(0))
    state = TrainState(10, 0.5, networks={"reconstruction": lambda values, _: values[:, :1]})
    shown, spoilt = told, torch.where(hidden[:, None], told, 9.0)
    losses = [
        HIDDEN(replace(batch, mask=mask, hidden=hidden, seen={"masked": Seen(values, batch.logits)}), state).loss
        for values in (shown, spoilt)
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("masked", [False, True])
def test_mae_2_each_patch_has_mean_0_and_unbiased_variance_1(image: Tensor, masked: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(image.shape, generator=generator) > (0.4 if masked else -1)
    target, usable = standardised_patches(image, mask, 16)
    assert torch.equal(usable, mask)
    for patch in (np.s_[0, :16, :16], np.s_[1, :16, 16:32], np.s_[1, 16:, 16:32], np.s_[0, 16:, 32:]):
        values = target[patch][mask[patch]]
        assert float(values.mean()) == pytest.approx(0, abs=1e-5)
        assert float(values.var()) == pytest.approx(1, abs=1e-4)


def test_a_flat_patch_gives_zeros_and_a_single_pixel_is_left_out() -> None:
    flat = torch.full((1, 16, 17), 5.0)
    mask = torch.ones(1, 16, 17, dtype=torch.bool)
    mask[0, 1:, 16] = False
    target, usable = standardised_patches(flat, mask, 16)
    assert (target == 0).all()
    assert usable[..., :16].all()
    assert not usable[..., 16].any()


def test_knowing_the_mean_alone_is_worth_one(image: Tensor) -> None:
    mask = torch.ones(image.shape, dtype=torch.bool)
    term = Reconstruction(blur=0)
    mean = image.mean()
    state = TrainState(10, 0.5, networks={"reconstruction": lambda values, _: torch.full_like(values[:, :1], mean)})
    batch = StepBatch(torch.zeros(2, 5, 20, 34), mask, sections=image[:, None])
    assert float(term(batch, state).loss) == pytest.approx(1, abs=1e-5)
    target, _ = standardised_patches(image, mask, 16)
    exact = TrainState(10, 0.5, networks={"reconstruction": lambda *_: target[:, None]})
    nothing = TrainState(10, 0.5, networks={"reconstruction": lambda *_: torch.zeros_like(target)[:, None]})
    hidden = replace(batch, seen={"masked": Seen(image[:, None], batch.logits)}, hidden=mask)
    assert HIDDEN.replace(blur=0.0)(hidden, exact).loss == 0
    assert float(HIDDEN.replace(blur=0.0)(hidden, nothing).loss) == pytest.approx(1, abs=0.01)


def trained(term: Reconstruction, batch: StepBatch, sizes: Sizes) -> float:
    state = with_decoder(term, sizes)
    optimiser = torch.optim.Adam(state.networks["reconstruction"].parameters(), 0.02)
    for _ in range(150):
        optimiser.zero_grad()
        loss = term(batch, state).loss
        loss.backward()
        optimiser.step()
    return float(loss.detach())


def test_classes_that_follow_brightness_make_the_section_collapsed_ones_the_mean() -> None:
    labels = torch.randint(2, (1, 24, 24), generator=torch.Generator().manual_seed(0))
    image = labels.float() * 4 - 1
    mask = torch.ones(1, 24, 24, dtype=torch.bool)
    term = Reconstruction(blur=0)
    right = 40 * torch.eye(2)[labels].movedim(-1, 1)  # (1, 2, 24, 24)
    collapsed = torch.zeros_like(right)
    collapsed[:, 0] = 40
    good, one, undecided = (
        trained(term, StepBatch(logits, mask, sections=image[:, None]), Sizes(2, 6, 4))
        for logits in (right, collapsed, torch.zeros_like(right))
    )
    assert good < 0.02
    assert one == pytest.approx(1, abs=0.1)
    assert undecided == pytest.approx(1, abs=0.1)


def test_features_that_know_make_the_hidden_section() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn((1, 32, 32), generator=generator)
    features = torch.cat([image[:, None], torch.randn((1, 5, 32, 32), generator=generator)], dim=1)
    mask = torch.ones(1, 32, 32, dtype=torch.bool)
    seen = {"masked": Seen(features, features)}
    batch = StepBatch(features, mask, seen=seen, hidden=mask, sections=image[:, None])
    assert trained(HIDDEN.replace(blur=0.0), batch, SIZES) < 0.15


@pytest.mark.parametrize(("term", "read"), [(Reconstruction(), {"logits"}), (HIDDEN, {"masked_features"})])
def test_gradient_reaches_what_it_is_made_from_and_the_decoder(raw, term: Reconstruction, read: set[str]) -> None:
    leaves, state = raw.leaves(), with_decoder(term)
    term(leaves.batch(), state).loss.backward()
    assert {name for name, leaf in leaves.values.items() if leaf.grad is not None} == read
    assert all(p.grad is not None for p in state.networks["reconstruction"].parameters())


def test_hidden_gradient_is_the_derivative() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn((1, 6, 4, 8), generator=generator, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(1, 4, 8, dtype=torch.bool)
    hidden = torch.rand((1, 4, 8), generator=generator) > 0.5
    sections = torch.randn((1, 1, 4, 8), generator=generator, dtype=torch.float64)
    state = with_decoder(HIDDEN)
    state.networks["reconstruction"].double()

    def value(x: Tensor) -> Tensor:
        return HIDDEN(StepBatch(x, mask, seen={"masked": Seen(x, x)}, hidden=hidden, sections=sections), state).loss

    assert torch.autograd.gradcheck(value, [features])


def test_nothing_hidden_or_nothing_valid_costs_nothing(raw) -> None:
    batch = raw.batch()
    nothing = torch.zeros_like(batch.mask)
    assert HIDDEN(replace(batch, hidden=nothing), with_decoder(HIDDEN)).loss == 0
    assert HIDDEN(replace(batch, hidden=None), with_decoder(HIDDEN)).loss == 0
    assert Reconstruction()(replace(batch, mask=nothing), with_decoder(Reconstruction())).loss == 0


def test_hidden_ignores_masked_pixels(raw) -> None:
    outside = ~raw.mask[:, None]
    spoilt = raw.mapped(lambda values: torch.where(outside, values + 7, values) if values.ndim == 4 else values)
    ours, theirs = (HIDDEN(x.batch(), with_decoder(HIDDEN)).loss for x in (raw, spoilt))
    assert ours == theirs


def test_reads_no_more_than_it_needs() -> None:
    assert Reconstruction().parts() == {"logits", "sections"}
    assert HIDDEN.parts() == {"masked", "sections"}
