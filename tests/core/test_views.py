from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.views import ViewSettings, change_contrast, turn, turn_back

NOTHING = ViewSettings(gain=0, offset=0, gamma=0, noise=0, blur=0)
ALONE = {
    "gain": NOTHING.replace(gain=0.2),
    "offset": NOTHING.replace(offset=0.2),
    "gamma": NOTHING.replace(gamma=0.2),
    "noise": NOTHING.replace(noise=0.15),
    "blur": NOTHING.replace(blur=1.0),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def sections() -> Tensor:
    """Give 16 times the same section."""
    return torch.randn((1, 1, 12, 14), generator=seeded(9)).repeat(16, 1, 1, 1)


@pytest.mark.parametrize("symmetry", range(8))
@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (6, 6)])
def test_turning_back_undoes_turning(symmetry: int, shape: tuple[int, ...]) -> None:
    tiles = torch.randn(shape, generator=seeded())
    assert torch.equal(turn_back(turn(tiles, symmetry), symmetry), tiles)
    assert torch.equal(turn(turn_back(tiles, symmetry), symmetry), tiles)


def test_the_eight_symmetries_differ_and_the_first_is_none() -> None:
    tile = torch.arange(9.0).reshape(3, 3)
    assert torch.equal(turn(tile, 0), tile)
    assert len({tuple(turn(tile, symmetry).ravel().tolist()) for symmetry in range(8)}) == 8


@pytest.mark.parametrize("symmetry", range(8))
def test_a_turn_moves_pixels_and_leaves_the_other_axes(symmetry: int) -> None:
    tiles = torch.randn((2, 3, 5, 5), generator=seeded())
    turned = turn(tiles, symmetry)
    assert torch.equal(turned[1, 2], turn(tiles[1, 2], symmetry))
    assert torch.equal(turned.flatten(2).sort().values, tiles.flatten(2).sort().values)


def test_settings_of_zero_change_nothing(sections: Tensor) -> None:
    assert torch.equal(change_contrast(sections, NOTHING, seeded()), sections)


@pytest.mark.parametrize("settings", [ViewSettings(), *ALONE.values()], ids=["default", *ALONE])
def test_a_view_differs_and_keeps_its_shape(sections: Tensor, settings: ViewSettings) -> None:
    view = change_contrast(sections, settings, seeded())
    assert view.shape == sections.shape
    assert view.dtype == sections.dtype
    assert torch.isfinite(view).all()
    assert not torch.allclose(view, sections)


def test_the_given_section_is_left_as_it_was(sections: Tensor) -> None:
    before = sections.clone()
    change_contrast(sections, ViewSettings(), seeded())
    assert torch.equal(sections, before)


def test_the_generator_decides_the_view(sections: Tensor) -> None:
    torch.manual_seed(1)
    first = change_contrast(sections, ViewSettings(), seeded())
    torch.manual_seed(2)
    assert torch.equal(change_contrast(sections, ViewSettings(), seeded()), first)
    assert not torch.equal(change_contrast(sections, ViewSettings(), seeded(1)), first)


@pytest.mark.parametrize("settings", [ALONE[name] for name in ("gain", "offset", "gamma", "noise")])
def test_each_section_has_its_own_draw(sections: Tensor, settings: ViewSettings) -> None:
    views = change_contrast(sections, settings, seeded())
    assert len({tuple(view.ravel().tolist()) for view in views}) == len(views)


def test_some_sections_are_blurred_and_some_are_not(sections: Tensor) -> None:
    views = change_contrast(sections, NOTHING.replace(blur=0.5), seeded())
    is_same = [torch.equal(view, sections[0]) for view in views]
    assert 2 < sum(is_same) < 14


def test_gain_and_offset_stay_within_their_bounds() -> None:
    flat = torch.ones(500, 1, 2, 2)
    gains = change_contrast(flat, ALONE["gain"], seeded())[:, 0, 0, 0]
    offsets = change_contrast(0 * flat, ALONE["offset"], seeded())[:, 0, 0, 0]
    assert 0.8 <= gains.min() < 0.81
    assert 1.19 < gains.max() <= 1.2
    assert -0.2 <= offsets.min() < -0.19
    assert 0.19 < offsets.max() <= 0.2


@pytest.mark.parametrize("gamma", [0.2, 1.0])
def test_gamma_keeps_the_order_of_grey_values_and_the_centre(gamma: float) -> None:
    ramp = torch.linspace(-6, 6, 121).reshape(1, 1, 11, 11).repeat(50, 1, 1, 1)
    views = change_contrast(ramp, NOTHING.replace(gamma=gamma), seeded()).flatten(1)
    assert (views.diff(dim=1) > 0).all()
    torch.testing.assert_close(views[:, 60], torch.zeros(50), atol=1e-6, rtol=0)


def test_noise_is_no_stronger_than_asked_for() -> None:
    views = change_contrast(torch.zeros(200, 1, 16, 16), ALONE["noise"], seeded())
    deviations = views.flatten(1).std(dim=1)
    assert 0.1 < deviations.max() < 0.18
    assert deviations.min() < 0.02


def test_blur_keeps_the_mean_and_lowers_the_contrast(sections: Tensor) -> None:
    view = change_contrast(sections[:1], ALONE["blur"], seeded())
    assert view.std() < sections[0].std()
    flat = torch.full((1, 1, 5, 5), 3.0)
    torch.testing.assert_close(change_contrast(flat, ALONE["blur"], seeded()), flat)


@pytest.mark.parametrize("field", ["gain", "offset", "gamma", "noise", "blur"])
@pytest.mark.parametrize("value", [-0.1, 2.5])
def test_impossible_strengths_are_refused(field: str, value: float) -> None:
    with pytest.raises(InputError, match=field):
        ViewSettings().replace(**{field: value})


def test_sections_seen_together_have_their_own_draws_too(sections: Tensor) -> None:
    three = sections[:1].expand(-1, 3, -1, -1)
    for name in ("gain", "offset", "gamma", "noise"):
        view = change_contrast(three, ALONE[name], seeded())[0]
        assert not torch.allclose(view[0], view[1])
        assert not torch.allclose(view[1], view[2])


def test_sections_that_are_not_blurred_stay_as_they_are(sections: Tensor) -> None:
    settings = NOTHING.replace(blur=0.5)
    views = change_contrast(sections, settings, seeded())
    same = (views == sections).flatten(2).all(dim=2)
    assert same.any()
    assert not same.all()
