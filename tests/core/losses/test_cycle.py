"""Cycles between neighbouring sections; TCC-1 and TCC-2 are the test vectors of the methods reference."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.losses import Seen
from napari_em_autoclass.core.losses.cycle import (
    Cycle,
    cycle_classification,
    cycle_regression,
    log_returns,
    share_returned,
)
from napari_em_autoclass.core.losses.cycle_windows import Windows


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sequences(own: Tensor, other: Tensor, valid: Tensor | None = None) -> Windows:
    """Give rows (T, D) as one window that is a line along y, all of whose pixels are asked, as in the paper."""
    t = len(own)
    positions = torch.stack([torch.arange(t) / t, torch.zeros(t)], dim=1).to(own)
    valid = torch.ones(1, t, dtype=torch.bool) if valid is None else valid[None]
    return Windows(own[None], other[None], valid, torch.arange(t), positions)


def test_tcc_1_rows_far_apart_come_back() -> None:
    rows = 20 * torch.eye(8, dtype=torch.float64)
    windows = sequences(rows, rows)
    returns = log_returns(windows)
    assert cycle_classification(returns, windows) < 1e-12
    loss = cycle_regression(returns, windows)
    assert float(loss) == pytest.approx(0.001 * math.log(1e-4))
    assert share_returned(windows, within=0) == 1


def test_tcc_1_gradient_is_finite_at_a_perfect_return() -> None:
    rows = (20 * torch.eye(8, dtype=torch.float64)).requires_grad_()
    windows = sequences(rows, rows)
    cycle_regression(log_returns(windows), windows).backward()
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()


def test_tcc_2_constant_rows_come_back_anywhere() -> None:
    rows = torch.ones(8, 3, dtype=torch.float64)
    windows = sequences(rows, rows)
    returns = log_returns(windows)
    assert float(cycle_classification(returns, windows)) == pytest.approx(2.079442, abs=1e-6)
    squared = (returns[0].exp() @ windows.positions - windows.positions).square().sum(dim=1).mean()
    assert float(squared) == pytest.approx(0.082031, abs=1e-6)
    # The index errors are on average what their variance is.
    expected = squared / (squared + 1e-4) + 0.001 * (squared + 1e-4).log()
    assert float(cycle_regression(returns, windows)) == pytest.approx(float(expected))
    assert share_returned(windows, within=1 / 8) <= 3 / 8


def plain_returns(
    u: list[list[float]], v: list[list[float]], temperature: float, valid: list[bool]
) -> list[list[float]]:
    """Transcribe the formula of the paper, one pixel after the other."""
    d = len(u[0])

    def soft(of: list[float], among: list[list[float]]) -> list[float]:
        odds = [
            math.exp(-sum((x - y) ** 2 for x, y in zip(of, row, strict=True)) / d / temperature) if ok else 0.0
            for row, ok in zip(among, valid, strict=True)
        ]
        return [odd / sum(odds) for odd in odds]

    back = []
    for row in u:
        alpha = soft(row, v)
        met = [sum(a * other[k] for a, other in zip(alpha, v, strict=True)) for k in range(d)]
        back.append(soft(met, u))
    return back


@pytest.mark.parametrize("masked", [False, True])
def test_equals_a_plain_loop(masked: bool) -> None:
    u, v = draw(10, 3, seed=1), draw(10, 3, seed=1) + 0.5 * draw(10, 3, seed=2)
    valid = torch.ones(10, dtype=torch.bool)
    valid[[2, 7]] = not masked
    windows = sequences(u, v, valid)
    back = plain_returns(u.tolist(), v.tolist(), 0.5, valid.tolist())
    returns = log_returns(windows, 0.5)
    torch.testing.assert_close(returns[0].exp(), torch.tensor(back, dtype=torch.float64))
    asked = [i for i in range(10) if valid[i]]
    classification = -sum(math.log(back[i][i]) for i in asked) / len(asked)
    assert float(cycle_classification(returns, windows)) == pytest.approx(classification)
    regression = 0.0
    for i in asked:
        mean = sum(b * k / 10 for k, b in enumerate(back[i]))
        variance = sum(b * (k / 10 - mean) ** 2 for k, b in enumerate(back[i])) + 1e-4
        regression += (i / 10 - mean) ** 2 / variance + 0.001 * math.log(variance)
    assert float(cycle_regression(returns, windows)) == pytest.approx(regression / len(asked))


def test_share_returned_equals_a_plain_loop() -> None:
    u, v = draw(40, 3, seed=1), draw(40, 3, seed=1) + 0.5 * draw(40, 3, seed=2)
    home = 0
    for i in range(40):
        j = int((u[i] - v).norm(dim=1).argmin())
        home += abs(int((v[j] - u).norm(dim=1).argmin()) - i) <= 1
    assert 0 < home < 40
    assert float(share_returned(sequences(u, v), within=1 / 40)) == pytest.approx(home / 40)


def test_share_returned_of_unrelated_features_is_what_is_stated() -> None:
    own, other = draw(20, 256, 32, seed=1), draw(20, 256, 32, seed=2)
    one = sequences(own[0], other[0])
    windows = one._replace(own=own, other=other, valid=torch.ones(20, 256, dtype=torch.bool))
    assert float(share_returned(windows, within=0)) == pytest.approx(0.3, abs=0.05)


def moved(raw, shift: tuple[int, int], noise: float = 0.0):
    """Give a batch whose neighbouring section is the section itself, moved, with noise."""
    batch = raw.batch()
    there = batch.features.roll(shift, dims=(2, 3))
    there = there + noise * torch.randn(there.shape, generator=torch.Generator().manual_seed(4))
    return replace(batch, mask=torch.ones_like(batch.mask), seen={"neighbour": Seen(there, batch.logits)})


@pytest.mark.parametrize("form", ["classification", "regression"])
def test_a_section_that_moved_costs_next_to_nothing_and_noise_more(raw, state, form) -> None:
    term = Cycle(form=form, temperature=0.02)
    values = [term(moved(raw, (2, -1), noise), state) for noise in (0.0, 0.5, 3.0)]
    # What moved over the edge of a window comes back elsewhere.
    assert values[0].logs["returned"] > 0.95
    assert float(values[0].loss) < 0.2
    assert values[0].loss < values[1].loss < values[2].loss
    assert values[0].logs["returned"] > values[1].logs["returned"] > values[2].logs["returned"]


def test_collapse_costs_the_log_of_the_pixels_and_next_to_none_come_back(raw, state) -> None:
    collapsed = raw.mapped(torch.ones_like).batch()
    collapsed = replace(collapsed, mask=torch.ones_like(collapsed.mask))
    out = Cycle()(collapsed, state)
    assert float(out.loss) == pytest.approx(math.log(256), rel=1e-5)
    assert out.logs["returned"] < 0.15


@pytest.mark.parametrize("form", ["classification", "regression"])
def test_near_collapse_a_step_downhill_lowers_the_cost(raw, state, form) -> None:
    term = Cycle(form=form)
    small = raw.mapped(lambda values: 0.3 * values).leaves()
    before = term(small.batch(), state).loss
    before.backward()
    slopes = {name: value.grad for name, value in small.values.items() if value.grad is not None}
    assert set(slopes) == {"features", "neighbour_features"}
    values = {name: value.detach() - 0.1 * slopes.get(name, 0) for name, value in small.values.items()}
    assert term(replace(small, values=values).batch(), state).loss < before


@pytest.mark.parametrize("form", ["classification", "regression"])
def test_gradient_is_the_derivative_in_both_forms(raw, state, form) -> None:
    term = Cycle(form=form, n_windows=2, window_px=4)
    batch = raw.mapped(Tensor.double).batch()
    crop = replace(batch, mask=batch.mask[:1, :8, :8], logits=batch.logits[:1, :, :8, :8])

    def value(ours: Tensor, theirs: Tensor) -> Tensor:
        return term(replace(crop, features=ours, seen={"neighbour": Seen(theirs, crop.logits)}), state).loss

    rows = [draw(1, 3, 8, 8, seed=seed).requires_grad_() for seed in (1, 2)]
    assert value(*rows).requires_grad
    assert torch.autograd.gradcheck(value, rows)


def test_without_a_pixel_in_the_middle_of_a_window_there_is_nothing_to_say(raw, state) -> None:
    mask = torch.zeros_like(raw.mask)
    mask[0, 0, 0] = True
    assert Cycle()(replace(raw.batch(), mask=mask), state).loss == 0
