"""Outputs are whole or not there."""

from __future__ import annotations

import errno
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.output import new_output, remove_for_good, scratch_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_at_the_path_before_the_end(tmp_path):
    with new_output(tmp_path / "a.txt") as partial:
        partial.write_text("new")
        assert names(tmp_path) == [partial.name]
        assert partial.name.startswith(".a.txt.partial-")
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("folder", [True, False])
def test_whatever_goes_wrong_nothing_is_left(error, folder, tmp_path):
    def write():
        with new_output(tmp_path / "a") as partial:
            partial.mkdir() if folder else partial.touch()
            raise error

    with pytest.raises(error):
        write()
    assert names(tmp_path) == []


def test_an_existing_output_is_refused_before_anything_is_done(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(InputError, match="exists already"), new_output(tmp_path / "a.txt"):
        pytest.fail("the body ran")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_overwriting_replaces_the_old_one_only_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with new_output(path, overwrite=True) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    with new_output(path, overwrite=True) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_that_is_no_zarr_store_is_never_overwritten(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(InputError, match="neither Zarr store nor precomputed, so it is not overwritten"):
        new_output(tmp_path / "photos", overwrite=True).__enter__()
    assert names(tmp_path / "photos") == ["a.jpg"]


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(InputError, match="does not exist; create it first"):
        new_output(tmp_path / "no" / "a.txt").__enter__()


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "no permission to write"),
        (errno.EROFS, "read-only"),
    ],
)
def test_a_full_or_closed_disk_is_told_in_one_line(number, message, tmp_path):
    def write():
        with new_output(tmp_path / "a.txt") as partial:
            partial.touch()
            raise OSError(number, "whatever the system says")

    with pytest.raises(InputError, match=message) as caught:
        write()
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_other_errors_of_the_system_stay_what_they_are(tmp_path):
    with pytest.raises(ConnectionError), new_output(tmp_path / "a.txt"):
        raise ConnectionError(errno.ECONNRESET, "remote")


def test_a_scratch_folder_is_removed_with_its_content(tmp_path):
    with scratch_folder(tmp_path / "a.tif") as scratch:
        scratch.mkdir()
        (scratch / "x").touch()
    assert names(tmp_path) == []


def test_files_that_threads_write_after_the_failure_are_removed_too(tmp_path):
    def write_late(partial):
        for i in range(6):
            with suppress(FileNotFoundError):  # removed between the two lines
                partial.mkdir(exist_ok=True)
                (partial / str(i)).touch()
            late.wait(0.03)

    def write():
        with new_output(tmp_path / "a.zarr") as partial:
            thread = threading.Thread(target=write_late, args=[partial])
            threads.append(thread)
            thread.start()
            raise OSError(errno.ENOSPC, "full")

    late, threads = threading.Event(), []
    with pytest.raises(InputError, match="disk is full"):
        write()
    threads[0].join()
    assert names(tmp_path) == []


def test_a_folder_that_appears_while_it_is_removed_goes_in_the_next_round(tmp_path, monkeypatch):
    unlink, path, late = Path.unlink, tmp_path / "a.zarr", iter([True])

    def unlink_or_find_a_folder(self, missing_ok=False):
        if self == path and next(late, False):
            path.mkdir()  # as a thread of Zarr's does between the look and the removal
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_or_find_a_folder)
    remove_for_good(path)
    assert next(late, None) is None
    assert names(tmp_path) == []
