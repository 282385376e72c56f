from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from napari_em_autoclass.core.losses import Sizes, StepBatch, TrainState
from napari_em_autoclass.core.losses.section_statistics import STATISTICS, SectionStatistics, statistics_of

SIZES = Sizes(n_classes=5, n_features=6, n_neighbours=4)
OFFSETS = (0, -1, 1)
ALL = torch.ones(2, 24, 30, dtype=torch.bool)


def with_head(term: SectionStatistics | None = None) -> TrainState:
    torch.manual_seed(0)
    return TrainState(10, 0.5, networks={"section_statistics": (term or SectionStatistics()).network(SIZES)})


@pytest.fixture
def sections() -> Tensor:
    return torch.randn((2, 3, 24, 30), generator=torch.Generator().manual_seed(0))


def told(sections: Tensor, name: str, offsets: tuple[int, ...] = OFFSETS, mask: Tensor | None = None) -> Tensor:
    mask = torch.ones(sections[:, 0].shape, dtype=torch.bool) if mask is None else mask
    return statistics_of(sections, offsets, mask, 9)[:, STATISTICS.index(name)]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("y", "x"), [(12, 15), (0, 29), (3, 2)])
def test_statistics_are_those_of_the_window(sections: Tensor, y: int, x: int, masked: bool) -> None:
    mask = ALL if not masked else torch.rand(ALL.shape, generator=torch.Generator().manual_seed(1)) > 0.4
    mask = mask.clone()
    mask[1, y, x] = True
    window = (1, slice(max(y - 4, 0), y + 5), slice(max(x - 4, 0), x + 5))
    values = sections[:, 0][window][mask[window]]
    change = (sections[:, 1] - sections[:, 2])[window][mask[window]]
    got = {name: float(told(sections, name, mask=mask)[1, y, x]) for name in STATISTICS}
    assert got["brightness"] == pytest.approx(float(values.mean()), abs=1e-5)
    assert got["roughness"] == pytest.approx(float(values.std(correction=0)), abs=1e-5)
    assert got["change"] == pytest.approx(math.log(float(change.var(correction=0)) + 1e-2), abs=1e-4)


def waves(angle: float, size: int = 32) -> Tensor:
    """Give one section (1, 3, size, size) that changes along `angle`, thrice."""
    y, x = torch.meshgrid(torch.arange(size) + 0.0, torch.arange(size) + 0.0, indexing="ij")
    return torch.sin(0.5 * (x * math.cos(angle) + y * math.sin(angle))).expand(1, 3, size, size)


@pytest.mark.parametrize("angle", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_direction_is_twice_the_angle_of_the_change(angle: float) -> None:
    cos, sin, coherence = (told(waves(angle), name)[0, 16, 16] for name in ("run_cos", "run_sin", "coherence"))
    assert float(cos) == pytest.approx(math.cos(2 * angle), abs=0.05)
    assert float(sin) == pytest.approx(math.sin(2 * angle), abs=0.05)
    assert float(coherence) == pytest.approx(1, abs=0.02)


def test_a_quarter_turn_negates_the_direction(sections: Tensor) -> None:
    square = sections[:, :, :, :24]
    for name, sign in (("run_cos", -1), ("run_sin", -1), ("coherence", 1), ("brightness", 1), ("change", 1)):
        turned = told(square.rot90(dims=(2, 3)), name)
        torch.testing.assert_close(turned, sign * told(square, name).rot90(dims=(1, 2)), atol=1e-4, rtol=1e-4)


def test_noise_has_little_coherence_and_a_flat_section_none(sections: Tensor) -> None:
    assert float(told(sections, "coherence").mean()) < 0.35
    assert float(told(torch.zeros(1, 3, 24, 30), "coherence").abs().max()) == 0


def test_a_square_that_moves_changes_most_where_it_is() -> None:
    sections = torch.zeros(1, 3, 32, 32)
    sections[:, 1, 10:15, 18:23] = 5.0  # in block (1, 2) of 4 x 4
    sections[:, 2, 10:15, 19:24] = 5.0
    place = int(told(sections, "change").flatten().argmax())
    assert (place // 32 // 8, place % 32 // 8) == (1, 2)


def test_change_is_between_the_nearest_sections_on_either_side(sections: Tensor) -> None:
    five = torch.cat([sections, sections + 7 * torch.randn(2, 3, 24, 30)], dim=1)[:, :5]
    torch.testing.assert_close(told(five, "change", (0, -1, 1, -2, 2)), told(sections, "change"))
    far_first = five[:, [0, 3, 4, 1, 2]]
    torch.testing.assert_close(told(far_first, "change", (0, -2, 2, -1, 1)), told(sections, "change"))


@pytest.mark.parametrize("offsets", [(0,), (0, 1), (0, -1, -2)])
def test_without_both_sides_there_is_no_change(sections: Tensor, offsets: tuple[int, ...]) -> None:
    shown = sections[:, : len(offsets)]
    assert statistics_of(shown, offsets, ALL, 9).shape == (2, 5, 24, 30)
    batch = StepBatch(sections, ALL, torch.zeros(2, 6, 24, 30), sections=shown, offsets=offsets)
    assert set(SectionStatistics()(batch, with_head()).logs) == set(STATISTICS[:5])


def test_knowing_the_means_alone_costs_about_two_fifths() -> None:
    sections = torch.randn((2, 3, 96, 96), generator=torch.Generator().manual_seed(0))
    state = with_head()
    for parameter in state.networks["section_statistics"].parameters():
        nn.init.zeros_(parameter)
    mask = torch.ones(2, 96, 96, dtype=torch.bool)
    batch = StepBatch(sections, mask, torch.zeros(2, 6, 96, 96), sections=sections, offsets=OFFSETS)
    assert float(SectionStatistics()(batch, state).loss.detach()) == pytest.approx(0.4, abs=0.05)


def test_features_that_hold_the_statistics_cost_nothing(sections: Tensor) -> None:
    features = statistics_of(sections, OFFSETS, ALL, 9)
    rows = features.movedim(1, -1).flatten(0, 2)
    scale = rows.std(dim=0, correction=0)
    state = with_head()
    head = state.networks["section_statistics"]
    with torch.no_grad():
        head.weight.copy_(torch.diag(1 / scale)[:, :, None, None])
        head.bias.copy_(-rows.mean(dim=0) / scale)
    batch = StepBatch(sections, ALL, features, sections=sections, offsets=OFFSETS)
    assert float(SectionStatistics()(batch, state).loss.detach()) == pytest.approx(0, abs=1e-6)


def test_gradient_reaches_features_and_head_alone(raw) -> None:
    leaves, state = raw.leaves(), with_head()
    out = SectionStatistics()(leaves.batch(), state)
    out.loss.backward()
    assert {name for name, leaf in leaves.values.items() if leaf.grad is not None} == {"features"}
    assert all(p.grad is not None for p in state.networks["section_statistics"].parameters())
    assert float(out.loss.detach()) == pytest.approx(sum(out.logs.values()) / len(STATISTICS), abs=1e-6)


def test_nothing_valid_costs_nothing(raw) -> None:
    batch = raw.batch()
    assert SectionStatistics()(replace(batch, mask=torch.zeros_like(batch.mask)), with_head()).loss == 0


def test_a_window_without_a_middle_is_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        SectionStatistics(window=8)
