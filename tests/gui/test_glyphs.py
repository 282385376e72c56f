"""Drawn signs."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QImage, QPainter, QPalette

from napari_em_autoclass.gui.glyphs import GlyphButton, draw_glyph, glyph_icon

NAMES = ("play", "pause", "stop", "eye", "shut", "undo", "redo", "probability")


def drawn(name: str) -> bytes:
    image = QImage(16, 16, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    draw_glyph(painter, name, QRectF(0, 0, 16, 16), QColor("white"))
    painter.end()
    return bytes(image.constBits().asarray(image.sizeInBytes()))


def test_every_sign_is_different(qapp: Any) -> None:
    assert len({drawn(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_disabled_sign_is_fainter(qapp: Any, name: str) -> None:
    icon = glyph_icon(name, QColor("white"))

    def alpha(mode: QIcon.Mode) -> int:
        image = icon.pixmap(QSize(32, 32), mode).toImage()
        return sum(image.pixelColor(x, y).alpha() for x in range(image.width()) for y in range(image.height()))

    assert 0 < alpha(QIcon.Mode.Disabled) < alpha(QIcon.Mode.Normal)


def test_a_button_takes_the_colour_of_the_theme(qtbot: Any) -> None:
    button = GlyphButton("stop", "Stop")
    qtbot.addWidget(button)
    palette = button.palette()
    palette.setColor(QPalette.ColorRole.ButtonText, QColor("#ff0000"))
    button.setPalette(palette)
    middle = button.icon().pixmap(QSize(32, 32)).toImage().pixelColor(16, 16)
    assert middle.name() == "#ff0000"


def test_a_button_that_was_disabled_when_the_theme_came_is_bright_when_enabled(qtbot: Any) -> None:
    button = GlyphButton("stop", "Stop")
    qtbot.addWidget(button)
    button.setEnabled(False)
    button.setStyleSheet("QToolButton { color: white; } QToolButton:disabled { color: rgba(255, 255, 255, 90); }")
    button.ensurePolished()
    button.setEnabled(True)
    assert button.icon().pixmap(QSize(32, 32)).toImage().pixelColor(16, 16).alpha() == 255


def test_a_button_has_words_for_those_who_cannot_see_it(qtbot: Any) -> None:
    button = GlyphButton("undo", "Undo")
    qtbot.addWidget(button)
    assert button.accessibleName() == "Undo"
