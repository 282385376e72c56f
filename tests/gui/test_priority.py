"""Threads that learn come after the window's."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from napari_em_autoclass.gui import priority
from napari_em_autoclass.gui.priority import after_the_window

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="niceness is that of the whole program")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def in_a_thread(seen: dict[str, int]) -> None:
    with after_the_window():
        seen["inside"] = niceness()
        started = threading.Thread(target=lambda: seen.__setitem__("started inside", niceness()))
        started.start()
        started.join()


@on_linux
def test_a_thread_and_those_it_starts_are_nicer_and_the_window_is_not() -> None:
    before, seen = niceness(), dict[str, int]()
    thread = threading.Thread(target=in_a_thread, args=(seen,))
    thread.start()
    thread.join()
    expected = min(before + 5, 19)
    assert seen == {"inside": expected, "started inside": expected}
    assert niceness() == before


@on_linux
def test_where_the_system_refuses_all_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refused)
    seen: dict[str, int] = {}
    in_a_thread(seen)
    assert seen["inside"] == niceness()


def test_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority.sys, "platform", "darwin")
    monkeypatch.setattr(os, "setpriority", lambda *_: pytest.fail("the whole program would be nicer"), raising=False)
    with after_the_window():
        pass
