"""Files of a run folder: old or new, never half."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_files import append_lines, is_blank, put_aside, read_json, write_atomically


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    for content in (b"old", b"new and longer", b""):
        write_atomically(tmp_path / "file", content)
        assert contents(tmp_path) == {"file": content}


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    write_atomically(tmp_path / "file", b"old")
    monkeypatch.setattr(owner, name, no_space)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "file", b"new")
    assert contents(tmp_path) == {"file": b"old"}


def test_threads_that_write_one_file_at_once_don_t_take_each_others(tmp_path: Path) -> None:
    written = [bytes([number]) * 5000 for number in range(8)]
    with ThreadPoolExecutor(len(written)) as threads:
        for _ in range(20):
            list(threads.map(lambda content: write_atomically(tmp_path / "file", content), written))
    assert contents(tmp_path)["file"] in written
    assert len(contents(tmp_path)) == 1


def test_the_new_file_is_on_disk_before_it_takes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append("fsync"), sync(number)))
    monkeypatch.setattr(Path, "replace", lambda old, new: (calls.append("replace"), replace(old, new)))
    write_atomically(tmp_path / "file", b"new")
    assert calls == ["fsync", "replace", "fsync"]  # and its name, before anybody relies on it


def test_lines_that_could_not_all_be_written_leave_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    append_lines(path, ["one\n"])
    write = Path.open

    def fills_up(*args: object, **kwargs: object) -> object:
        with write(*args, **kwargs) as file:  # type: ignore[call-overload]
            file.write(b"tw")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", fills_up)
    with pytest.raises(OSError, match="No space left"):
        append_lines(path, ["two\n"])
    monkeypatch.undo()
    append_lines(path, ["three\n"])
    assert path.read_text() == "one\nthree\n"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_table_is_refused_with_the_complaint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=r"^not this$"):
        read_json(tmp_path / "file", "not this")


def test_damaged_files_are_kept_beside_each_other(tmp_path: Path) -> None:
    for content in ("a", "b"):
        (tmp_path / "classes.json").write_text(content)
        put_aside(tmp_path / "classes.json")
    assert contents(tmp_path) == {"classes.damaged-1.json": b"a", "classes.damaged-2.json": b"b"}


def test_a_folder_with_only_the_leftovers_of_a_killed_run_is_blank(tmp_path: Path) -> None:
    assert is_blank(tmp_path)
    (tmp_path / "snapshot").mkdir()
    for name in ("run.lock", ".run.json.partial-12", "snapshot/.latest.npz.partial-12"):
        (tmp_path / name).write_bytes(b"")
    assert is_blank(tmp_path)
    assert not is_blank(tmp_path / "run.lock")
    (tmp_path / "snapshot" / "mine").write_bytes(b"")
    assert not is_blank(tmp_path)
    assert not is_blank(tmp_path / "nowhere")
