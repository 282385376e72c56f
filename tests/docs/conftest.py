"""Where pages and notebooks of the documentation are tried."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doc_room import Room, made_small
from doc_stand_ins import StandIns


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> StandIns:
    """Give what pages take for granted, made when it is first asked for."""
    return StandIns(tmp_path_factory.mktemp("stand-ins"), made_small)


@pytest.fixture
def open_room(tmp_path: Path, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], Room]]:
    """Give a function that opens an empty room, strict or not."""
    with contextlib.ExitStack() as rooms:
        yield lambda strict: rooms.enter_context(Room(tmp_path, stand_ins, monkeypatch, strict))
