"""Presets by hardware and goal."""

from __future__ import annotations

from typing import Any

import pytest

from napari_em_autoclass.core.run_settings import RunSettings, load_recipe
from napari_em_autoclass.gui.preset_box import PRESETS, PresetBox
from napari_em_autoclass.gui.wishes import Wishes, settings_of


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.title)
def test_every_preset_is_valid(preset: Any) -> None:
    settings = settings_of(Wishes(seconds=preset.seconds, preset=preset.assignments))
    assert settings.training.seconds == preset.seconds
    assert settings.recipe == RunSettings().recipe


def test_another_time_is_ones_own_setting(qtbot: Any) -> None:
    box = PresetBox()
    qtbot.addWidget(box)
    assert box.currentText() == "Laptop · normal"
    with qtbot.waitSignal(box.chosen, check_params_cb=lambda preset: preset is PRESETS[3]):
        box.setCurrentIndex(3)
    box.show_seconds(90)
    assert box.currentText() == "Own settings"
    assert box.assignments == PRESETS[3].assignments  # the hardware is the same
    box.show_seconds(240)
    assert box.currentText() == PRESETS[4].title


def test_a_preset_lies_under_what_was_set() -> None:
    settings = settings_of(Wishes(preset=("classifier.width=48",)))
    assert settings.classifier.width == 48
    assert load_recipe(settings.recipe).classifier.width != 48
