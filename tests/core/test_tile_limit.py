from __future__ import annotations

import pytest

from napari_em_autoclass.core.device import Device
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.core.tile_limit import TileLimit


@pytest.fixture
def settings() -> RunSettings:
    return apply_setting(RunSettings(), "training.tiles_per_step=6")


@pytest.fixture
def limit() -> TileLimit:
    return TileLimit(Device("cpu", "for the test"))


def test_nothing_is_limited_before_memory_was_short(limit: TileLimit, settings: RunSettings) -> None:
    assert limit.within(settings) is settings
    assert limit.most is None


def test_each_shortage_halves_the_tiles_and_says_so(limit: TileLimit, settings: RunSettings) -> None:
    assert "3 tiles per step" in limit.halve(settings)
    assert limit.within(settings).training.tiles_per_step == limit.most == 3
    assert "1 tiles per step" in limit.halve(settings)
    assert limit.within(settings).training.tiles_per_step == 1


def test_a_user_may_ask_for_less_than_the_limit(limit: TileLimit, settings: RunSettings) -> None:
    limit.halve(settings)
    fewer = apply_setting(settings, "training.tiles_per_step=2")
    assert limit.within(fewer) is fewer


def test_one_tile_that_does_not_fit_is_told_with_what_to_do(limit: TileLimit, settings: RunSettings) -> None:
    one = apply_setting(settings, "training.tiles_per_step=1")
    with pytest.raises(InputError, match="even for one tile; choose smaller tiles"):
        limit.halve(one)
