"""Trials are remembered by machine and settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_em_autoclass.core.estimate import Trial
from napari_em_autoclass.core.run_settings import RunSettings, apply_setting
from napari_em_autoclass.gui import trial_cache
from napari_em_autoclass.gui.trial_cache import known_trial, remember_trial

TRIAL = Trial(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def test_a_trial_is_remembered_for_such_settings(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "trials.json"
    settings = RunSettings()
    assert known_trial(settings, file) is None
    remember_trial(settings, TRIAL, file)
    assert known_trial(settings, file) == TRIAL
    for same in ("seed=3", "region=0:5,:,:", "training.seconds=9", "views.noise=0"):
        assert known_trial(apply_setting(settings, same), file) == TRIAL, same
    for other in ("classifier.width=8", "training.tiles_per_step=2", "n_classes=4", "terms.balance.weight=1"):
        assert known_trial(apply_setting(settings, other), file) is None, other


def test_another_machine_measures_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember_trial(RunSettings(), TRIAL, tmp_path / "t.json")
    monkeypatch.setattr(trial_cache.platform, "node", lambda: "another")
    assert known_trial(RunSettings(), tmp_path / "t.json") is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 1}'])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "t.json"
    file.write_text(content)
    assert known_trial(RunSettings(), file) is None
    remember_trial(RunSettings(), TRIAL, file)
    assert known_trial(RunSettings(), file) == TRIAL


def test_a_folder_that_can_not_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    remember_trial(RunSettings(), TRIAL, tmp_path / "a file" / "t.json")
    assert known_trial(RunSettings(), tmp_path / "a file" / "t.json") is None


def test_it_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_cache, "_MOST", 2)
    for width in (8, 12, 16):
        remember_trial(apply_setting(RunSettings(), f"classifier.width={width}"), TRIAL, tmp_path / "t.json")
    kept = [
        known_trial(apply_setting(RunSettings(), f"classifier.width={w}"), tmp_path / "t.json") for w in (8, 12, 16)
    ]
    assert kept == [None, TRIAL, TRIAL]
