"""The actions on classes with their keys: in the list's menu, at a right click, by keyboard, and as a list of keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QAction, QMenu, QMessageBox, QShortcut, QWidget

__all__ = ["DEEDS", "ClassActions", "Deed", "keys_text"]

_ANYWHERE = "Alt+Shift+"  # not taken by napari; a bare letter would be


@dataclass(frozen=True)
class Deed:
    """Something to do: `key` does it where the list has the focus, with Alt and Shift it does so anywhere."""

    name: str
    key: str
    text: str
    tip: str


DEEDS = (
    Deed("merge", "M", "Merge", "Show the selected classes as one (the classes as learned are kept)"),
    Deed("take_apart", "U", "Un-merge", "Take the last merge, or the split, of the selected classes back"),
    Deed("rename", "R", "Rename", "Give the class a name"),
    Deed("eye", "V", "Show or hide", "Show or hide the selected classes"),
    Deed("solo", "S", "Solo", "Show the selected classes only; again: all"),
    Deed("lock", "L", "Lock", "Protect from merging and splitting"),
    Deed("ignore", "I", "Ignore", "Mark as of no interest: grey in the list, and left out by the filter"),
    Deed("probability", "P", "Probability layer", "Show how probable the class is at each pixel, as a layer"),
    Deed("unclear", "E", "Unclear pixels", "Show where it is unclear which class a pixel is (entropy), as a layer"),
    Deed("next", "J", "Next class", "Select the next row"),
    Deed("previous", "K", "Previous class", "Select the row before"),
)
_ALWAYS = ("undo", "redo", "next", "previous", "unclear")  # whatever is selected
_SPLIT_KEYS = (2, 3, 4, 5, 6)
_MORE = (
    ("2 to 6", "Split the selected class into so many parts"),
    ("Ctrl+Z", "Undo"),
    ("Ctrl+Shift+Z", "Redo"),
    ("double-click", "In the picture: select the class there, and show its probabilities"),
)


class ClassActions:
    """A QAction for each deed, on `view`, and shortcuts that work in the whole window.

    Parameters
    ----------
    panel : whose window the shortcuts are for
    view : the list; bare keys work while it has the focus
    do : what to call, by the name of the deed; "split" takes the number of parts
    """

    def __init__(self, panel: QWidget, view: QWidget, do: Mapping[str, Callable[..., object]]) -> None:
        self._panel, self._view = panel, view
        self.by_name: dict[str, QAction] = {}
        for deed in DEEDS:
            self.by_name[deed.name] = self._made(deed.text, deed.key, deed.tip, do[deed.name])
            anywhere = QShortcut(QKeySequence(_ANYWHERE + deed.key), panel)
            anywhere.activated.connect(self.by_name[deed.name].trigger)
        self.splits = [
            self._made(
                f"into {n}", str(n), f"Split into {n} parts; all other classes stay as they are", _with(do["split"], n)
            )
            for n in _SPLIT_KEYS
        ]
        for name, keys in (("undo", "Ctrl+Z"), ("redo", "Ctrl+Shift+Z")):
            self.by_name[name] = self._made(name.title(), keys, name.title(), do[name])

    def split_menu(self, parent: QWidget) -> QMenu:
        """Return the menu with the numbers of parts."""
        menu = QMenu("Split", parent)
        menu.addActions(self.splits)
        return menu

    def fill(self, menu: QMenu) -> None:
        """Put all actions into `menu`."""
        names = [deed.name for deed in DEEDS if deed.name not in ("next", "previous")]
        for name in names[:2]:
            menu.addAction(self.by_name[name])
        menu.addMenu(self.split_menu(menu))
        menu.addSeparator()
        for name in names[2:]:
            menu.addAction(self.by_name[name])

    def enable(self, n_selected: int, can_take_apart: bool, can_split: bool) -> None:
        """Offer what makes sense for so many selected rows."""
        for name, action in self.by_name.items():
            action.setEnabled(n_selected > 0 or name in _ALWAYS)
        self.by_name["merge"].setEnabled(n_selected > 1)
        self.by_name["rename"].setEnabled(n_selected == 1)
        self.by_name["take_apart"].setEnabled(can_take_apart)
        for action in self.splits:
            action.setEnabled(can_split)

    def show_keys(self) -> None:
        """Show the list of keys."""
        box = QMessageBox(self._panel)
        box.setWindowTitle("Keys for classes")
        box.setTextFormat(Qt.TextFormat.RichText)
        box.setText(keys_text())
        box.setModal(False)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.show()

    def _made(self, text: str, key: str, tip: str, do: Callable[..., object]) -> QAction:
        action = QAction(text, self._view)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{tip} ({key})")
        action.triggered.connect(lambda *_: do())
        self._view.addAction(action)
        return action


def keys_text() -> str:
    """Return the keys and what they do, as a table in HTML."""
    rows = [(deed.key, deed.tip) for deed in DEEDS]
    lines = "".join(f"<tr><td><b>{key}</b>&nbsp;&nbsp;</td><td>{tip}</td></tr>" for key, tip in (*rows, *_MORE))
    return (
        "<p>While the list of classes has the focus; letters also anywhere, with Alt+Shift.</p>"
        f"<table cellspacing='3'>{lines}</table>"
    )


def _with(do: Callable[[int], object], n: int) -> Callable[[], object]:
    return lambda: do(n)
