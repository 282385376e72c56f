"""What is dropped on a widget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dropping import drop
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from napari_em_autoclass.gui.drop_target import DropTarget


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
