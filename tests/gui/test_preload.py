"""What takes long to import is imported ahead, in a thread, once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from napari_em_autoclass.gui.preload import import_soon


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"slow_{abs(hash(request.node.name))}"
    yield tmp_path / f"{name}.py"
    sys.modules.pop(name, None)


def test_a_module_is_imported_in_a_thread_and_only_once(module: Path) -> None:
    module.write_text("import threading\nwhere = threading.current_thread().name\n")
    thread = import_soon(module.stem)
    assert thread is not None
    assert import_soon(module.stem) is None
    thread.join()
    assert sys.modules[module.stem].where == f"import {module.stem}"  # type: ignore[attr-defined]


def test_what_is_there_is_not_imported_again() -> None:
    assert import_soon("json") is None


def test_a_module_that_cannot_be_imported_is_left_to_whoever_needs_it(module: Path) -> None:
    module.write_text("raise OSError('a library is missing')\n")
    thread = import_soon(module.stem)
    assert thread is not None
    thread.join()
    assert module.stem not in sys.modules


def test_one_after_the_other_and_what_fails_stops_nothing(module: Path) -> None:
    second = module.with_name(f"{module.stem}_2.py")
    module.write_text("raise OSError('a library is missing')\n")
    second.write_text("")
    thread = import_soon("json", module.stem, second.stem)
    assert thread is not None
    thread.join()
    assert second.stem in sys.modules
    sys.modules.pop(second.stem)
