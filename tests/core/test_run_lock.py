from __future__ import annotations

import errno
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_em_autoclass.core import run_lock
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.run_lock import Holder, RunLock, locked_briefly, was_left_behind, writer_of

_HOLDER = """
import sys, time
from pathlib import Path
from napari_em_autoclass.core.run_lock import RunLock
lock = RunLock.take(Path(sys.argv[1]))
print("locked", flush=True)
time.sleep(600)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give another process that holds the lock of `tmp_path`."""
    process = subprocess.Popen([sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


def lock_of(folder: Path, **changes: object) -> None:
    """Put a lock file of a machine far away, which just gave a sign of life, into `folder`."""
    told = {"pid": 4711, "host": "gpu-box", "since": "2026-11-24 10:02:00", "token": "t", **changes}
    (folder / "run.lock").write_text(json.dumps(told))


def silent_for(folder: Path, seconds: float) -> None:
    times = (folder / "run.lock").stat().st_mtime - seconds
    os.utime(folder / "run.lock", (times, times))


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file system know no locks, as some network shares do."""
    import fcntl

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    with pytest.raises(InputError) as raised:
        RunLock.take(tmp_path)
    host = Holder.here().host
    assert f"{tmp_path} is being written by process {other.pid} on {host}, since 20" in str(raised.value)
    assert "\n" not in str(raised.value)
    found = writer_of(tmp_path)
    assert found is not None
    assert (found.pid, found.is_on_this_machine, was_left_behind(tmp_path)) == (other.pid, True, False)


def test_the_lock_of_a_killed_writer_is_free_and_shows_what_happened(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert writer_of(tmp_path) is None
    assert was_left_behind(tmp_path)
    RunLock.take(tmp_path).release()
    assert not was_left_behind(tmp_path)


def test_who_ends_in_order_leaves_nothing(tmp_path: Path) -> None:
    assert (writer_of(tmp_path), was_left_behind(tmp_path)) == (None, False)
    lock = RunLock.take(tmp_path)
    lock.check()
    lock.release()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_two_trainings_of_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    lock = RunLock.take(tmp_path)
    with pytest.raises(InputError, match="is being written by"):
        RunLock.take(tmp_path)
    lock.release()
    RunLock.take(tmp_path)


def test_a_lock_nobody_refers_to_is_free(tmp_path: Path) -> None:
    lock = RunLock.take(tmp_path)
    del lock
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_by_itself_leaves_nothing(tmp_path: Path) -> None:
    program = _HOLDER.replace("time.sleep(600)", "")
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"pid": "x"}', b"[" * 9000])
def test_a_lock_file_that_can_not_be_read_is_one_left_behind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.lock").write_bytes(content)
    assert writer_of(tmp_path) is None
    assert was_left_behind(tmp_path)
    RunLock.take(tmp_path)


@pytest.mark.parametrize("locks", [True, False])
def test_another_machine_holds_a_run_as_long_as_it_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: bool
) -> None:
    monkeypatch.setattr(run_lock, "_BETWEEN_TRIES_S", 0.0)
    if not locks:
        without_locks(monkeypatch)
    lock_of(tmp_path)
    silent_for(tmp_path, 30)
    with pytest.raises(InputError, match=r"process 4711 on gpu-box, since 2026.*if it crashed, wait 60 s"):
        RunLock.take(tmp_path)
    assert str(writer_of(tmp_path)).startswith("process 4711 on gpu-box")
    silent_for(tmp_path, 90)
    assert writer_of(tmp_path) is None
    assert was_left_behind(tmp_path)
    RunLock.take(tmp_path).release()
    assert not (tmp_path / "run.lock").exists()


def test_a_clock_that_was_put_back_does_not_lock_a_run_for_ever(tmp_path: Path) -> None:
    lock_of(tmp_path)
    silent_for(tmp_path, -3600)  # its last sign of life is an hour ahead
    RunLock.take(tmp_path)


def test_where_there_are_no_locks_a_process_of_this_machine_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_locks(monkeypatch)
    monkeypatch.setattr(run_lock, "_BETWEEN_TRIES_S", 0.0)
    first = RunLock.take(tmp_path)
    with pytest.raises(InputError, match=f"process {os.getpid()} "):
        RunLock.take(tmp_path)
    first.release()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lock_of(tmp_path, pid=gone.pid, host=Holder.here().host)
    RunLock.take(tmp_path)


def test_who_was_replaced_while_asleep_is_told_so_and_leaves_the_other_alone(tmp_path: Path) -> None:
    lock = RunLock.take(tmp_path)
    lock_of(tmp_path)
    with pytest.raises(InputError, match=r"taken over by process 4711 on gpu-box.*nothing more is written"):
        lock.check()
    lock.release()
    assert json.loads((tmp_path / "run.lock").read_text())["pid"] == 4711


def test_a_share_that_is_away_does_not_take_the_lock_away(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    lock = RunLock.take(folder)
    folder.rename(tmp_path / "away")
    lock.check()
    (tmp_path / "away").rename(folder)
    lock.check()
    lock.release()
    assert list(folder.iterdir()) == []


def test_the_holder_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, enough = list[object](), threading.Event()
    monkeypatch.setattr(run_lock, "_BEAT_S", 0.001)
    monkeypatch.setattr(run_lock.os, "utime", lambda at: (given.append(at), len(given) < 3 or enough.set()))
    lock = RunLock.take(tmp_path)
    assert enough.wait(60)
    lock.release()


def test_a_folder_that_can_not_be_written_to_is_an_error_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(run_lock.os, "open", read_only)
    with pytest.raises(OSError, match="Read-only file system"):
        RunLock.take(tmp_path)
    with pytest.raises(FileNotFoundError):
        monkeypatch.undo()
        RunLock.take(tmp_path / "nowhere")


def test_a_brief_lock_lets_one_after_the_other(tmp_path: Path) -> None:
    inside, most = list[int](), list[int]()

    def work(number: int) -> None:
        for _ in range(20):
            with locked_briefly(tmp_path / "lock"):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), set(most)) == (80, {1})


def test_a_brief_lock_that_is_never_let_go_of_makes_nothing_impossible(tmp_path: Path) -> None:
    with locked_briefly(tmp_path / "lock"), locked_briefly(tmp_path / "lock", patience_s=0.02):
        pass
