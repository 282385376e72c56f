"""What a hand can reach: windows, menus and dialogs that are open, and nothing that is hidden, grey or covered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPoint, QTimer
from qtpy.QtWidgets import QApplication, QDialog, QMenu, QScrollArea, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Blocked",
    "activate",
    "bring_into_view",
    "dialog_open",
    "entry_of",
    "focus",
    "popup_open",
    "refuse_unreachable",
    "with_answer",
]


class Blocked(Exception):  # what happened to the hand, not to the program
    """Something is not there, or can't be reached, as a user would find."""


def with_answer(press: Callable[[], None], then: Callable[[], object] | None) -> None:
    """Do `press`, and `then` shortly after, also while `press` waits for a dialog."""
    if then is None:
        press()
        return
    failed: list[BaseException] = []
    done: list[bool] = []

    def answer() -> None:
        try:
            then()
        except BaseException as error:  # raised again below, outside Qt's loop
            failed.append(error)
            for widget in QApplication.topLevelWidgets():
                if isinstance(widget, QMenu | QDialog) and widget.isVisible():
                    widget.close()
        done.append(True)

    QTimer.singleShot(300, answer)
    press()
    since = time.monotonic()
    while not done and time.monotonic() - since < 30:
        QApplication.processEvents()
        time.sleep(0.005)
    if failed:
        raise failed[0]


def bring_into_view(widget: QWidget, spot: QPoint | None = None) -> None:
    """Scroll to a widget, as with the wheel; to a spot on it, where it is higher than what shows of it."""
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QScrollArea):
            parent.ensureWidgetVisible(widget, 0, 20)
            if spot is not None:
                at = widget.mapTo(parent.widget(), spot)
                parent.ensureVisible(0, at.y(), 0, 20)
        parent = parent.parentWidget()


def refuse_unreachable(widget: QWidget, spot: QPoint) -> None:
    """Raise `Blocked` if a widget is hidden, grey or covered at `spot`."""
    name = widget.accessibleName() or getattr(widget, "text", lambda: "")() or type(widget).__name__
    if not widget.isVisible():
        raise Blocked(f"{name!r} is not to be seen")
    if not widget.isEnabled():
        raise Blocked(f"{name!r} is grey")
    found = QApplication.widgetAt(widget.mapToGlobal(spot))
    if found is None or not (found is widget or widget.isAncestorOf(found)):
        raise Blocked(f"{name!r} is covered by {type(found).__name__}")


def entry_of(actions: Any, name: str) -> Any:
    """Return the menu entry whose text begins so."""
    for action in actions:
        if action.text().replace("&", "").strip().startswith(name):
            return action
    raise Blocked(f"no entry {name!r} among {[action.text() for action in actions if action.text()]}")


def popup_open() -> QMenu:
    """Return the menu that is open."""
    popup = QApplication.activePopupWidget()
    if not isinstance(popup, QMenu):
        raise Blocked("no menu opened")
    return popup


def dialog_open() -> QDialog:
    """Return the dialog that is open."""
    dialog = QApplication.activeModalWidget()
    if not isinstance(dialog, QDialog):
        raise Blocked("no dialog opened")
    return dialog


def focus() -> QWidget:
    """Return the widget that has the keyboard."""
    activate()
    widget = QApplication.focusWidget() or QApplication.activeWindow()
    if widget is None:
        raise Blocked("nothing has the keyboard")
    return widget


def activate() -> None:
    """Make the largest window active: without a window manager none is, and no shortcut would work."""
    if QApplication.activeWindow() is None:
        tops = [w for w in QApplication.topLevelWidgets() if w.isVisible() and w.isWindow()]
        if tops:
            QApplication.setActiveWindow(max(tops, key=lambda w: w.width() * w.height()))
