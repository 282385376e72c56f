"""Settings to and from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.estimate import Trial
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.settings_file import estimate_sentence, load_settings, save_settings
from napari_em_autoclass.gui.wishes import Wishes, settings_of


def test_what_is_no_settings_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read as settings"):
        load_settings(tmp_path / "none.json")
    with pytest.raises(InputError, match="choose another place"):
        save_settings(Wishes(), tmp_path / "none" / "s.json")


def test_settings_of_a_run_folder_can_be_read(tmp_path: Path) -> None:
    save_settings(Wishes(n_classes=5), tmp_path / "s.json")
    (tmp_path / "run.json").write_text('{"settings": ' + (tmp_path / "s.json").read_text() + "}")
    assert load_settings(tmp_path / "run.json") == settings_of(Wishes(n_classes=5))


def test_an_estimate_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, volume: Volume) -> None:
    measured: list[Volume] = []

    def measure(volume: Volume, *_: object) -> Trial:
        measured.append(volume)
        return Trial(0.2, 3.0, 0.0, 0.0, 0.0, 0.25)

    monkeypatch.setattr("napari_em_autoclass.core.estimate.measure", measure)
    told = [
        estimate_sentence(volume, Wishes(), print, afresh=afresh, file=tmp_path / "t.json")
        for afresh in (False, False, True)
    ]
    assert len(measured) == 2
    assert set(told) == {told[0]}
    assert told[0].startswith("First map 3 s · step 0.2 s")
