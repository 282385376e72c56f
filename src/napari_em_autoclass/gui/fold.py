"""Parts of the dock that fold to their titles."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from napari_em_autoclass.gui.fitted_text import ElidedLabel
from napari_em_autoclass.gui.glyphs import GlyphButton

__all__ = ["Fold", "FoldColumn", "FoldRow"]

_ARROW_PX = 10
_STYLE = (
    "QToolButton {{ border: none; border-radius: 3px; padding: 2px 2px 2px 0px; background: transparent;"
    " font-weight: {weight}; }}"
    "QToolButton:hover {{ background: rgba(128, 128, 128, 60); }}"
)


class Fold(QWidget):
    """A title that shows or hides the widget below it, with a line beside the title for what it says when folded.

    The title of a step of the dock, `is_step`, is bold; those of parts of a step are not.
    """

    toggled = Signal(bool)  # whether it is open now

    def __init__(self, title: str, body: QWidget, is_open: bool = True, *, is_step: bool = False) -> None:
        super().__init__()
        self.body = body
        self._button = _Title("folded", "", title)
        self._button.setCheckable(True)
        self._button.setChecked(is_open)
        self._button.setIconSize(QSize(_ARROW_PX, _ARROW_PX))
        self._button.setAutoRaise(True)
        self._button.setStyleSheet(_STYLE.format(weight="bold" if is_step else "normal"))
        self._button.toggled.connect(self._on_toggled)
        self._summary = ElidedLabel()
        self._summary.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        title_row = QHBoxLayout()
        title_row.setSpacing(6)
        title_row.addWidget(self._button)
        title_row.addWidget(self._summary, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(title_row)
        layout.addWidget(body, 1)
        self._on_toggled(is_open)

    @property
    def is_open(self) -> bool:
        """Whether the body shows."""
        return bool(self._button.isChecked())

    def set_open(self, is_open: bool) -> None:
        """Show or hide the body."""
        self._button.setChecked(is_open)

    def set_summary(self, text: str) -> None:
        """Say beside the title, or in its tooltip, what one would see when unfolding."""
        self._summary.setText(text)
        self._summary.setToolTip(text)
        self._button.setToolTip(text)

    def take_title(self) -> QToolButton:
        """Return the title, to be shown somewhere else; here stays what it unfolds."""
        self._summary.setVisible(False)
        return self._button

    def setVisible(self, visible: bool) -> None:
        """Show or hide title and body, wherever the title is."""
        super().setVisible(visible)
        self._button.setVisible(visible)

    def _on_toggled(self, is_open: bool) -> None:
        self._button.set_glyph("unfolded" if is_open else "folded", self._button.toolTip(), self._button.text())
        self.body.setVisible(is_open)
        self.toggled.emit(is_open)


class _Title(GlyphButton):
    """Enter presses it too, as Space does."""

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Unfold or fold."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)


class FoldColumn(QWidget):
    """Folds below each other; `largest` takes the room that is left, or none does while it is folded."""

    def __init__(self, folds: Sequence[Fold], largest: Fold, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._largest = largest
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(6)
        for fold in folds:
            self._column.addWidget(fold)
        self._column.addStretch(0)  # else the titles would be spread over the height
        largest.toggled.connect(self._share_room)
        self._share_room(largest.is_open)

    def _share_room(self, is_open: bool) -> None:
        self._column.setStretchFactor(self._largest, 1 if is_open else 0)
        self._column.setStretch(self._column.count() - 1, 0 if is_open else 1)


class FoldRow(QWidget):
    """Folds with their titles side by side in one line, and what is open below it."""

    def __init__(self, *folds: Fold, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        titles = QHBoxLayout()
        titles.setSpacing(6)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(titles)
        for fold in folds:  # all titles first: Tab goes the way the eye does
            titles.addWidget(fold.take_title())
        for fold in folds:
            column.addWidget(fold)
        titles.addStretch(1)
