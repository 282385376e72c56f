"""What is dropped on a widget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dropping import drop
from qtpy.QtCore import Qt
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QDockWidget, QLineEdit, QMainWindow, QVBoxLayout, QWidget

from napari_em_autoclass.gui.drop_target import DropTarget, RunDrops


class Picture(QWidget):
    """Takes all that is dropped, as napari's canvas does."""

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.n_dropped = 0

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        self.n_dropped += 1


@pytest.fixture
def widget(qtbot: Any) -> QWidget:
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.addWidget(QLineEdit())
    qtbot.addWidget(made)
    return made


def test_the_first_file_is_told(widget: QWidget, tmp_path: Path) -> None:
    told: list[str] = []
    target = DropTarget(widget)
    target.dropped.connect(told.append)
    assert drop(widget, "https://example.org/a.tif", tmp_path.as_uri(), (tmp_path / "b").as_uri())
    assert told == [str(tmp_path)]


def test_what_is_no_file_of_this_machine_is_left_alone(widget: QWidget) -> None:
    told: list[str] = []
    target = DropTarget(widget)
    target.dropped.connect(told.append)
    assert not drop(widget, "https://example.org/a.tif")
    assert not drop(widget)
    assert told == []


def test_fields_let_drops_through(widget: QWidget) -> None:
    DropTarget(widget)
    assert not widget.findChildren(QLineEdit)[0].acceptDrops()


def test_a_run_dropped_in_the_middle_of_the_window_is_told_and_all_else_goes_past(qtbot: Any, tmp_path: Path) -> None:
    window, picture, dock = QMainWindow(), Picture(), QDockWidget()
    inside = QWidget()
    dock.setWidget(inside)
    window.setCentralWidget(picture)
    qtbot.addWidget(window)
    told: list[str] = []
    drops = RunDrops(inside)
    drops.dropped.connect(told.append)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    window.show()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").touch()
    drop(picture, (tmp_path / "run").as_uri())
    drop(picture, tmp_path.as_uri())
    assert told == [str(tmp_path / "run")]
    assert picture.n_dropped == 1
    drops.close_down()
    drop(picture, (tmp_path / "run").as_uri())
    assert (len(told), picture.n_dropped) == (1, 2)
