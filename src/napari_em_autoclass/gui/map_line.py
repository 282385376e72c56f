"""One line under the panels: what is under the pointer, or why the class map is not to be seen."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

__all__ = ["MapLine"]

_IDLE = "Point at the picture to read its class"


class MapLine(QWidget):
    """Shows the class under the pointer; a notice stands in its place as long as there is one."""

    show_wanted = Signal()  # the link of a notice was pressed

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notice = self._pointed = ""
        self.text = QLabel()
        # Whatever it says, the dock keeps its width, and the panels above don't move.
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.text.setAccessibleName("class under the pointer")
        self.text.linkActivated.connect(lambda _: self.show_wanted.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text)
        self._write()

    def set_notice(self, sentence: str) -> None:
        """Show a sentence, which may hold a link, until it is replaced by "".  The link asks for the map."""
        self._notice = sentence
        self._write()

    def set_pointed(self, words: str) -> None:
        """Show what is under the pointer, "" where nothing is known."""
        self._pointed = words
        self._write()

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the theme: links have their colour in the text."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._write()

    def _write(self) -> None:
        # napari's themes give links no colour of their own: the platform's blue can't be read on dark grey.
        color = self.palette().color(QPalette.ColorRole.WindowText).name()
        said = self._notice.replace("<a ", f"<a style='color: {color}' ") or self._pointed
        self.text.setTextFormat(Qt.TextFormat.RichText if self._notice else Qt.TextFormat.PlainText)
        self.text.setWordWrap(bool(self._notice))
        self.text.setText(said or _IDLE)
        self.text.setEnabled(bool(said))
        self.text.setToolTip(
            ""
            if said
            else "<qt>The class of the voxel under the pointer, and how sure the map is of it. "
            "Double-click selects the class in the list and shows how likely each class is there.</qt>"
        )
