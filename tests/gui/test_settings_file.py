"""Settings to and from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.gui.settings_file import load_settings, save_settings
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
