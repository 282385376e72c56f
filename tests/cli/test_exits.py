from __future__ import annotations

import errno
from pathlib import Path

import pytest

from napari_em_autoclass.cli.exits import CRASH_LOG, Crashed, Interrupted, exit_of, traceback_kept_in
from napari_em_autoclass.core.errors import InputError, MissingVoxelSize


def caused_by(error: Exception, cause: Exception) -> Exception:
    try:
        raise error from cause
    except Exception as raised:
        return raised


@pytest.mark.parametrize("error", [InputError("too\nsmall"), MissingVoxelSize("too small")])
def test_what_the_user_can_mend_is_said_in_one_line(error: InputError) -> None:
    assert exit_of(error) == (2, "too small")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_names_the_file_and_says_what_to_do(number: int) -> None:
    code, line = exit_of(OSError(number, "No space left on device", "/data/run/weights"))
    assert code == 2
    assert line == "/data/run/weights: no space left on device; free some space, or write to another disk"


def test_a_full_disk_is_recognised_behind_the_errors_of_libraries() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert exit_of(caused_by(ValueError("codec failed"), full)) == exit_of(full)
    rust = RuntimeError('Error while serializing: IoError(Os { code: 28, kind: StorageFull, message: "No space" })')
    assert exit_of(rust)[0] == 2


def test_permissions_are_for_the_user_to_mend() -> None:
    code, line = exit_of(PermissionError(errno.EACCES, "Permission denied", "/root/run"))
    assert (code, line) == (2, "/root/run: permission denied; change its permissions, or choose another place")


def test_other_errors_are_ours() -> None:
    code, line = exit_of(ZeroDivisionError("division\nby zero"))
    assert code == 1
    assert line.startswith("unexpected ZeroDivisionError: division by zero; ")


def test_interrupts_exit_130() -> None:
    assert exit_of(Interrupted("saved")) == (130, "saved")
    assert exit_of(KeyboardInterrupt())[0] == 130


def test_the_traceback_of_an_unexpected_error_is_kept_in_the_run_folder(tmp_path: Path) -> None:
    with pytest.raises(Crashed, match="unexpected ZeroDivisionError") as raised, traceback_kept_in(tmp_path):
        _ = 1 / 0
    assert exit_of(raised.value) == (1, f"{raised.value}")
    assert "1 / 0" in (tmp_path / CRASH_LOG).read_text()


@pytest.mark.parametrize("error", [InputError("bad"), PermissionError(errno.EACCES, "no"), KeyboardInterrupt()])
def test_no_traceback_is_kept_of_what_the_user_can_mend(error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)), traceback_kept_in(tmp_path):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_an_error_stays_as_it_is_where_there_is_no_folder_for_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), traceback_kept_in(tmp_path / "none"):
        _ = 1 / 0
