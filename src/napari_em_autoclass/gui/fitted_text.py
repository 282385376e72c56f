"""Texts that show whole, or end in "…": a cut-off word looks like a whole one."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QPaintEvent, QPalette, QResizeEvent
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QStyle, QStyleOptionComboBox, QStylePainter, QWidget
from superqt import QElidingLabel

__all__ = ["ElidedBox", "ElidedLabel", "WrappedLabel"]

_ROUNDING_PX = 2  # what superqt leaves beside the text
_WIDE = 10_000
_ANEW = (QEvent.Type.FontChange, QEvent.Type.StyleChange)


class _FittedLabel(QLabel):
    """Fits its text anew whenever its width, font or style is another."""

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Fit the text to the new width."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent | None) -> None:
        """Fit the text in the new font or style."""
        super().changeEvent(event)
        if event is not None and event.type() in _ANEW:
            self._fit()

    def _fit(self) -> None:
        raise NotImplementedError


class ElidedLabel(_FittedLabel, QElidingLabel):
    """One line that takes what room there is; `text` is the whole of it.

    superqt's label shortens its text to its own width, but napari's style lays a frame around labels, and Qt moves the
    text of those in by half an x: the last letters, or dots, would be cut off.
    """

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def _fit(self) -> None:
        frame = self.width() - self.contentsRect().width()
        indent = self.fontMetrics().horizontalAdvance("x") // 2 if frame else 0
        self.setEllipsesWidth(frame + indent + _ROUNDING_PX)


class ElidedBox(QComboBox):
    """A box that shortens what is chosen in its middle: with napari's style Qt cuts it off."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def shown_text(self) -> str:
        """Return what fits of the text that is chosen."""
        return self._option().currentText or ""

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the box with the shortened text."""
        painter, option = QStylePainter(self), self._option()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field, style = QStyle.SubControl.SC_ComboBoxEditField, self.style()
        assert style is not None  # every widget has one
        room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width()
        text = option.currentText
        if self.currentIndex() < 0 and self.placeholderText():
            text = self.placeholderText()
            option.palette.setBrush(QPalette.ColorRole.ButtonText, option.palette.placeholderText())
        option.currentText = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room)
        return option


class WrappedLabel(_FittedLabel):
    """Words on as many lines as they need, and room for `least_lines`, so that what is around it doesn't jump.

    A scroll area gives its widget the least height it asks for, and a label asks for that of another width.
    """

    def __init__(self, text: str = "", least_lines: int = 0, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._least_lines = least_lines
        self.setWordWrap(True)
        self._fit()

    def setText(self, text: str | None) -> None:
        """Show other words."""
        super().setText(text)
        self._fit()

    def _fit(self) -> None:
        self.setMinimumHeight(0)  # else it would never take less than now
        words = self.text()
        needed = self.heightForWidth(self.width()) if words else 0
        if self._least_lines:
            super().setText("\n".join("x" * self._least_lines))
            needed = max(needed, self.heightForWidth(_WIDE))
            super().setText(words)
        self.setMinimumHeight(needed)
