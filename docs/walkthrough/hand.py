"""A hand that uses the program as a person does: it clicks, types, drags and looks, and counts its clicks.

Every event goes to a window of Qt at a position on the screen, never to a widget's own method, so what is covered,
disabled, folded away or off the screen can't be used here either.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QMenu,
    QMenuBar,
    QToolButton,
    QWidget,
)

from walkthrough.reach import (
    Blocked,
    activate,
    bring_into_view,
    dialog_open,
    entry_of,
    focus,
    popup_open,
    refuse_unreachable,
    with_answer,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["CTRL", "SHIFT", "Blocked", "Hand"]

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class Hand:
    """Uses windows of this process.

    Parameters
    ----------
    out : folder for pictures; None takes none
    patience : how many times longer than usual it waits, on a machine that is busy
    """

    def __init__(self, out: Path | None = None, patience: float = 1.0) -> None:
        self.clicks, self._patience = 0, patience
        self.steps: list[str] = []
        self.shots: list[str] = []
        self._out = out

    # --- looking -----------------------------------------------------------------------------------------------------

    def rest(self, seconds: float = 0.15) -> None:
        """Let the program work, as while somebody looks."""
        end = time.monotonic() + seconds * self._patience
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)

    def wait(self, done: Callable[[], object], seconds: float, what: str) -> float:
        """Wait until something is so, and return how long that took.

        Raises
        ------
        Blocked
            If it does not come true in time.
        """
        since, seconds = time.monotonic(), seconds * self._patience
        while not done():
            if time.monotonic() - since > seconds:
                raise Blocked(f"waited {seconds:.0f} s in vain for: {what}")
            self.rest(0.03)
        return time.monotonic() - since

    def shot(self, name: str) -> None:
        """Photograph the screen: what a user sees, menus and dialogs too."""
        if self._out is None:
            return
        self.rest(0.4)
        screen = QGuiApplication.primaryScreen()
        tops = [w for w in QApplication.topLevelWidgets() if w.isVisible() and w.isWindow()]
        if screen is None or not tops:
            raise Blocked("there is no window to photograph")
        main = max(tops, key=lambda w: w.width() * w.height())
        corner = main.mapToGlobal(QPoint(0, 0))
        self._out.mkdir(parents=True, exist_ok=True)
        picture = screen.grabWindow(0, corner.x(), corner.y(), main.width(), main.height())
        # JPEG: the noise of EM makes PNGs of half a megabyte each.
        picture.save(str(self._out / f"{name}.jpg"), quality=82)
        self.shots.append(name)

    def note(self, sentence: str) -> None:
        """Remember what was measured on the way, and how busy the machine was meanwhile."""
        self.steps.append(f"{sentence} (load {os.getloadavg()[0]:.0f} on {os.cpu_count()} processors)")

    def expect(self, holds: object, what: str) -> None:
        """Look whether something is so.

        Raises
        ------
        Blocked
            If it is not.
        """
        self.rest(0.2)
        if not holds:
            raise Blocked(f"it is not so that {what}")

    # --- mouse -------------------------------------------------------------------------------------------------------

    def click(
        self,
        widget: QWidget,
        at: QPoint | None = None,
        *,
        modifiers: Any = PLAIN,
        double: bool = False,
        button: Any = LEFT,
        then: Callable[[], object] | None = None,
    ) -> None:
        """Click a widget where a user would, in its middle or `at`; `then` answers the menu or dialog that opens.

        Raises
        ------
        Blocked
            If it is hidden, disabled or covered.
        """
        bring_into_view(widget, at)
        self.rest(0.05)
        spot = at if at is not None else widget.rect().center()
        refuse_unreachable(widget, spot)
        window = widget.window()
        handle = window.windowHandle()
        position = widget.mapTo(window, spot)
        self.clicks += 1

        def press() -> None:
            if double:
                QTest.mouseDClick(handle, button, modifiers, position)
            else:
                QTest.mouseClick(handle, button, modifiers, position)

        with_answer(press, then)
        self.rest()

    def drag(self, widget: QWidget, start: QPoint, stop: QPoint, n: int = 12) -> None:
        """Press at `start`, move to `stop`, release; counts as one click."""
        bring_into_view(widget)
        self.rest(0.05)
        refuse_unreachable(widget, start)
        window = widget.window()
        handle = window.windowHandle()
        self.clicks += 1
        QTest.mousePress(handle, LEFT, PLAIN, widget.mapTo(window, start))
        for i in range(1, n + 1):
            spot = start + (stop - start) * (i / n)
            self._move_pressed(window, widget.mapTo(window, spot))
            self.rest(0.02)
        QTest.mouseRelease(handle, LEFT, PLAIN, widget.mapTo(window, stop))
        self.rest()

    def drop(self, widget: QWidget, path: Path) -> None:
        """Let a file or folder fall onto a widget, as from a file manager."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        at = QPointF(widget.rect().center())
        action = Qt.DropAction.CopyAction
        self.clicks += 1
        target = widget
        while target is not None and not target.acceptDrops():
            target = target.parentWidget()
        if target is None:
            raise Blocked("nothing here takes what is dropped")
        place = QPointF(widget.mapTo(target, at.toPoint())) if target is not widget else at
        QApplication.sendEvent(target, QDragEnterEvent(place.toPoint(), action, data, LEFT, PLAIN))
        QApplication.sendEvent(target, QDropEvent(place, action, data, LEFT, PLAIN))
        self.rest(0.5)

    def open_fold(self, button: QToolButton) -> None:
        """Unfold a part of the dock, if it is folded."""
        if not button.isChecked():
            self.click(button)

    def close_fold(self, button: QToolButton) -> None:
        """Fold a part of the dock, if it is open."""
        if button.isChecked():
            self.click(button)

    def _move_pressed(self, window: QWidget, at: QPoint) -> None:
        # QTest.mouseMove says that no button is held, so that nothing would be dragged.
        target = QApplication.widgetAt(window.mapToGlobal(at)) or window
        place = QPointF(target.mapFromGlobal(window.mapToGlobal(at)))
        event = QMouseEvent(QEvent.Type.MouseMove, place, QPointF(window.mapToGlobal(at)), LEFT, LEFT, PLAIN)
        QApplication.sendEvent(target, event)

    # --- keyboard ----------------------------------------------------------------------------------------------------

    def type(self, text: str, widget: QWidget | None = None) -> None:
        """Type into what has the focus, or into `widget`."""
        activate()
        QTest.keyClicks(widget or focus(), text)
        self.rest()

    def key(self, key: Any, modifiers: Any = PLAIN, widget: QWidget | None = None) -> None:
        """Press a key."""
        activate()
        if widget is not None and not widget.hasFocus():
            widget.setFocus()
        QTest.keyClick(widget or focus(), key, modifiers)
        self.rest()

    # --- menus, lists, dialogs ---------------------------------------------------------------------------------------

    def menu(self, bar: QMenuBar, *names: str, then: Callable[[], object] | None = None) -> None:
        """Choose from the menu bar, each name the beginning of an entry; `then` answers the dialog that follows."""
        action = entry_of(bar.actions(), names[0])
        place = bar.actionGeometry(action).center()
        self.click(bar, place, then=lambda: with_answer(lambda: self._along(action.menu(), names[1:]), then))

    def choose(self, button: QWidget, *names: str) -> None:
        """Choose from the menu that `button` opens."""
        self.click(button, then=lambda: self._along(popup_open(), names))

    def pick(self, box: QComboBox, name: str) -> None:
        """Choose an entry of a combo box by the beginning of its text."""
        row = next((i for i in range(box.count()) if box.itemText(i).strip().startswith(name)), -1)
        if row < 0:
            raise Blocked(f"no entry {name!r} in a list of {[box.itemText(i) for i in range(box.count())]}")

        def answer() -> None:
            view: QAbstractItemView = box.view()
            index = box.model().index(row, 0)
            view.scrollTo(index)
            self.click(view.viewport(), view.visualRect(index).center())

        self.click(box, then=answer)

    def along_popup(self, *names: str, then: Callable[[], object] | None = None) -> None:
        """Choose from the menu that is open; `then` answers the dialog that follows."""
        with_answer(lambda: self._along(popup_open(), names), then)

    def answer_file_dialog(self, path: Path) -> Callable[[], None]:
        """Return what fills a file dialog by typing and the Enter key."""

        def answer() -> None:
            since = time.monotonic()
            while not isinstance(QApplication.activeModalWidget(), QDialog) and time.monotonic() - since < 10:
                self.rest(0.05)
            dialog = dialog_open()
            field = next(edit for edit in dialog.findChildren(QLineEdit) if edit.isVisible())
            while field.text() != str(path) and time.monotonic() - since < 20:
                field.selectAll()
                QTest.keyClicks(field, str(path))
                self.rest(0.3)
            # The list of completions takes the first Enter, where it has popped up.
            while dialog.isVisible() and time.monotonic() - since < 20:
                QTest.keyClick(field, Qt.Key.Key_Return)
                self.rest(0.5)
            if dialog.isVisible():
                raise Blocked(f"the dialog does not take {path}")

        return answer

    def _along(self, menu: QMenu | None, names: tuple[str, ...]) -> None:
        if menu is None:
            raise Blocked("no menu opened")
        for i, name in enumerate(names):
            since = time.monotonic()
            while not menu.isVisible():
                if time.monotonic() - since > 3:
                    raise Blocked(f"the menu with {name!r} did not open")
                self.rest(0.03)
            action = entry_of(menu.actions(), name)
            if not action.isEnabled():
                raise Blocked(f"the menu entry {name!r} is grey")
            at = menu.actionGeometry(action).center()
            last = i == len(names) - 1
            self.clicks += 1
            QTest.mouseMove(menu.windowHandle(), at)
            if last:
                QTest.mouseClick(menu.windowHandle(), LEFT, PLAIN, at)
                return
            QTest.mouseClick(menu.windowHandle(), LEFT, PLAIN, at)
            self.rest(0.2)
            menu = action.menu()
