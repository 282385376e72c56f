"""The whole dock without a mouse: everything is reached by Tab, from top to bottom, and has a name."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractButton, QApplication, QWidget

from napari_em_autoclass.gui.dock import AutoclassDock
from napari_em_autoclass.gui.fold import Fold
from napari_em_autoclass.gui.session import RunState

_SAME_LINE_PX = 16


@pytest.fixture
def dock(qtbot: Any, make_session: Any) -> AutoclassDock:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((3, 5, 32, 48), np.uint8), name="film", scale=(1, 50, 4, 4), units=("s", *("nm",) * 3))
    made = AutoclassDock(viewer, make_session(endless=True))
    qtbot.addWidget(made)
    made.resize(380, 2600)  # nothing is scrolled out of sight
    for fold in made.findChildren(Fold):
        fold.set_open(True)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    made.training_panel.learn_button.click()
    qtbot.waitUntil(lambda: made.class_panel.rows.rowCount() == 4, timeout=3000)
    made.class_panel.select((1, 2))
    qtbot.waitUntil(lambda: made.training_panel.advanced.form is not None, timeout=20_000)
    yield made
    made.close_down()


def by_tab(qtbot: Any, dock: AutoclassDock) -> list[QWidget]:
    """Return what Tab reaches, in its order, once around; whatever has the focus is framed."""
    found: list[QWidget] = []
    dock.stack_panel.layer_box.setFocus()
    for _ in range(300):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        if now in found:
            break
        found.append(now)
        frame = dock.focus_frame.frame
        assert frame is not None, words(now)
        assert frame.isVisible()
        assert frame.geometry().contains(now.geometry())
    return found


def focusable(dock: AutoclassDock) -> set[QWidget]:
    by_key = Qt.FocusPolicy.TabFocus.value
    return {
        widget
        for widget in dock.findChildren(QWidget)
        if widget.focusPolicy().value & by_key and widget.isEnabled() and widget.isVisible() and not widget.focusProxy()
    }


def words(widget: QWidget) -> str:
    text = getattr(widget, "text", lambda: "")()
    return f"{type(widget).__name__} {widget.accessibleName() or text or widget.toolTip()[:40]!r}"


def test_tab_reaches_everything_once(qtbot: Any, dock: AutoclassDock) -> None:
    reached = by_tab(qtbot, dock)
    missed = sorted(words(widget) for widget in focusable(dock) - set(reached))
    assert not missed


def test_tab_goes_from_top_to_bottom(qtbot: Any, dock: AutoclassDock) -> None:
    reached = by_tab(qtbot, dock)
    places = [(widget.mapTo(dock, QPoint(0, widget.height() // 2)), words(widget)) for widget in reached]
    first = min(range(len(places)), key=lambda i: places[i][0].y())
    places = [*places[first:], *places[:first]]
    back = [
        f"{above} at {a.x(), a.y()} -> {below} at {b.x(), b.y()}"
        for (a, above), (b, below) in itertools.pairwise(places)
        if b.y() < a.y() - _SAME_LINE_PX or (abs(b.y() - a.y()) <= _SAME_LINE_PX and b.x() < a.x())
    ]
    assert not back


def test_every_button_has_a_name_and_every_field_too(dock: AutoclassDock) -> None:
    nameless = [
        f"{widget.parentWidget().__class__.__name__}: {widget!r}"
        for widget in focusable(dock)
        if isinstance(widget, QAbstractButton) and not (widget.text().strip() or widget.accessibleName().strip())
    ]
    assert not nameless


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_folds_open_and_close_by_key(qtbot: Any, dock: AutoclassDock, key: Qt.Key) -> None:
    folds = [fold for fold in dock.findChildren(Fold) if fold._button.isVisible() and fold._button.isEnabled()]
    assert len(folds) > 8
    for fold in folds:
        was_open = fold.is_open
        for is_open in (not was_open, was_open):
            qtbot.keyClick(fold._button, key)
            assert fold.is_open is is_open, fold._button.text()


def test_buttons_are_pressed_by_key(qtbot: Any, dock: AutoclassDock) -> None:
    qtbot.keyClick(dock.training_panel.pause_button, Qt.Key.Key_Space)
    assert dock.session.state is RunState.PAUSED


def test_the_list_is_walked_by_arrows(qtbot: Any, dock: AutoclassDock) -> None:
    view = dock.class_panel.view
    dock.class_panel.select((1,))
    view.setCurrentIndex(dock.class_panel.selection.indexes[0])
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert dock.class_panel.selected_ids() == (2,)
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert dock.class_panel.selected_ids() == (4,)


def test_the_frame_follows_goes_with_the_mouse_and_with_the_dock(qtbot: Any, dock: AutoclassDock) -> None:
    dock.class_panel.search.setFocus()
    qtbot.keyClick(dock.class_panel.search, Qt.Key.Key_Tab)
    before = dock.focus_frame.frame.geometry()
    dock.resize(500, 2600)
    qtbot.waitUntil(lambda: dock.focus_frame.frame.geometry() != before, timeout=3000)
    qtbot.mouseClick(dock.class_panel.search, Qt.MouseButton.LeftButton)
    assert dock.focus_frame.frame is None
