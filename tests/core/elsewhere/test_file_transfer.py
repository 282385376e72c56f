from __future__ import annotations

from pathlib import Path

import pytest

from napari_em_autoclass.core.elsewhere.file_transfer import Mark, read_files, write_files
from napari_em_autoclass.core.errors import InputError


def test_a_folder_read_and_written_is_the_same_folder(tmp_path: Path) -> None:
    files = {"weights.safetensors": b"w", "run.json": b"{}", "snapshot/latest.npz": b"s"}
    write_files(tmp_path / "a", files, {})
    assert read_files(tmp_path / "a") == files
    assert next(iter(read_files(tmp_path / "a"))) == "weights.safetensors"


def test_half_written_files_and_the_lock_are_not_sent(tmp_path: Path) -> None:
    (tmp_path / ".run.json.partial-7").write_bytes(b"x")
    (tmp_path / "run.lock").write_bytes(b"the other machine's process")
    (tmp_path / "run.json").write_bytes(b"y")
    assert read_files(tmp_path) == {"run.json": b"y"}


@pytest.mark.parametrize("name", ["../run.json", "/etc/passwd", "a/../../b", "a/b/c", ".hidden", "", "a\\..\\b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no file of a run"):
        write_files(tmp_path / "run", {"run.json": b"1", name: b"2"}, {})
    assert not (tmp_path / "run").exists()


def test_names_and_merges_of_the_user_are_not_written_over(tmp_path: Path) -> None:
    write_files(tmp_path, {"classes.json": b"fresh"}, {})
    write_files(tmp_path, {"classes.json": b"the worker's"}, {})
    assert (tmp_path / "classes.json").read_bytes() == b"fresh"


def test_what_is_known_already_is_not_written_again(tmp_path: Path) -> None:
    write_files(tmp_path, {"run.json": b"1"}, {})
    (tmp_path / "run.json").write_bytes(b"touched")
    write_files(tmp_path, {"run.json": b"1"}, {"run.json": b"1"})
    assert (tmp_path / "run.json").read_bytes() == b"touched"


def test_a_folder_that_cant_be_written_to_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(InputError, match="can't write to"):
        write_files(tmp_path / "run", {"run.json": b"1"}, {})


def test_a_mark_is_there_while_asked_for_and_gone_afterwards(tmp_path: Path) -> None:
    with Mark(tmp_path / "not" / "yet") as mark:
        assert mark is not None
        assert mark.exists()
        assert mark.parent == tmp_path
    assert list(tmp_path.iterdir()) == []
