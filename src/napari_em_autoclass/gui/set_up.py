"""What of a stack to learn from: a box of it, and not from damaged sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QPushButton, QSizePolicy, QWidget
from superqt import QRangeSlider

from napari_em_autoclass.core.damage import Damage, sections_from, sections_text
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.gui.check_up import CheckUp
from napari_em_autoclass.gui.fitted_text import WrappedLabel
from napari_em_autoclass.gui.glyphs import AMBER
from napari_em_autoclass.gui.rectangle import rectangle_on
from napari_em_autoclass.gui.session import Session

if TYPE_CHECKING:
    from napari_em_autoclass.core.run_settings import RunSettings

__all__ = ["SetUp"]

_SKIP = (
    "<qt>Sections that are black, torn, folded or blurred. Nothing is learned from them, and no neighbour has to "
    "foretell them; they get their class map all the same. Numbers count from 0, as the slider below the picture does. "
    "Write e.g. 3, 7-9; empty uses all.</qt>"
)
_BOX = "<qt>Learn from this part alone, e.g. without empty resin. All of the stack is classified afterwards.</qt>"
_RECTANGLE = "<qt>Learn inside the rectangle selected in a Shapes layer (or the last one drawn).</qt>"


class SetUp(QWidget):
    """Rows for damaged sections, the part to learn from, and how the sections are aligned."""

    summarised = Signal(str)  # in a few words, for the folded panel

    def __init__(self, session: Session, viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._viewer = session, viewer
        self._volume: Volume | None = None
        self._layer: Image | None = None
        self._rows_columns: tuple[int, int, int, int] | None = None
        self._alignment_brief = ""
        self._wanted: RunSettings | None = None  # loaded before there was a stack
        self.check_up = CheckUp(self)
        self.skip_field, self.skip_note = QLineEdit(), QLabel()
        self.sections_slider, self.sections_label = QRangeSlider(Qt.Orientation.Horizontal), QLabel()  # type: ignore[no-untyped-call]
        self.box_label = QLabel()
        self.rectangle_button, self.whole_button = QPushButton("Use rectangle"), QPushButton("All")
        self.alignment_label = WrappedLabel()
        self._lay_out()
        self._connect()
        self.use(None, None)

    def use(self, layer: Image | None, volume: Volume | None) -> None:
        """Begin anew with another stack."""
        self._layer, self._volume, self._rows_columns = layer, volume, None
        self._alignment_brief = ""
        self.setVisible(volume is not None)
        self.skip_field.clear()
        self.skip_field.setModified(False)
        self.skip_field.setPlaceholderText("looking for damaged sections…")
        self.skip_note.clear()
        self.alignment_label.setText("Alignment: measuring…")
        self.alignment_label.setStyleSheet("")
        depth = volume.shape_zyx[0] if volume is not None else 1
        self.sections_slider.blockSignals(True)
        self.sections_slider.setRange(0, max(depth - 1, 1))
        self.sections_slider.setValue((0, max(depth - 1, 1)))
        self.sections_slider.blockSignals(False)
        self._session.skip_sections = None
        self._tell()
        self.check_up.begin(volume)
        if self._wanted is not None:
            self.load(self._wanted)

    def load(self, settings: RunSettings) -> None:
        """Learn from the part that loaded settings name, as far as this stack has it; without a stack, of the next."""
        self._wanted = settings
        if self._volume is None:
            return
        self._wanted = None
        try:
            settings.learned_box(self._volume.shape_zyx)
        except InputError as error:
            why = f"The part to learn from in these settings does not fit this stack: {error}. It stays as it is."
            self._session.said.emit(why, True)
            return
        self.take(settings.region, settings.skip_sections)
        self.skip_note.setText("loaded" if settings.skip_sections else "")

    def take(self, region: str | None, skipped: tuple[int, ...]) -> None:
        """Show, and learn from, the part that a run learned from."""
        if self._volume is None:
            return
        depth, height, width = self._volume.shape_zyx
        box = Box.parse(region, (depth, height, width)) if region else Box.whole((depth, height, width))
        rows_columns = (box.y0, box.y1, box.x0, box.x1)
        self._rows_columns = None if rows_columns == (0, height, 0, width) else rows_columns
        self._session.skip_sections = skipped
        self.skip_field.setText(sections_text(skipped))
        self.skip_field.setPlaceholderText("none")
        self.skip_note.setText("of the run")
        self.sections_slider.setValue((box.z0, box.z1 - 1))
        self._tell()

    def set_busy(self, busy: bool) -> None:
        """Keep all as it is while a training is under way."""
        for widget in (self.skip_field, self.sections_slider, self.rectangle_button, self.whole_button):
            widget.setEnabled(not busy)

    def close_down(self) -> None:
        """Look nothing over any more."""
        self.check_up.close()

    def _lay_out(self) -> None:
        self.skip_field.setToolTip(_SKIP)
        self.sections_slider.setToolTip(_BOX)
        self.box_label.setToolTip(_BOX)
        self.rectangle_button.setToolTip(_RECTANGLE)
        self.whole_button.setToolTip("Learn from all of the stack again")
        self.alignment_label.setToolTip(
            "How far neighbouring sections are shifted against each other, measured in the middle of the stack"
        )
        self.sections_slider.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.box_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.sections_label.setMinimumWidth(self.fontMetrics().horizontalAdvance("0000 to 0000"))
        self.sections_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.addWidget(QLabel("Skip sections"), 0, 0)
        grid.addWidget(self.skip_field, 0, 1, 1, 2)
        grid.addWidget(self.skip_note, 0, 3)
        grid.addWidget(QLabel("Learn from"), 1, 0)
        grid.addWidget(self.sections_slider, 1, 1, 1, 2)
        grid.addWidget(self.sections_label, 1, 3)
        grid.addWidget(self.box_label, 2, 0, 1, 2)
        grid.addWidget(self.rectangle_button, 2, 2)
        grid.addWidget(self.whole_button, 2, 3)
        grid.addWidget(self.alignment_label, 3, 0, 1, 4)
        grid.setColumnStretch(1, 1)

    def _connect(self) -> None:
        self.skip_field.editingFinished.connect(self._on_skip_typed)
        self.sections_slider.valueChanged.connect(lambda _: self._tell())
        self.rectangle_button.clicked.connect(self._on_rectangle)
        self.whole_button.clicked.connect(self._on_whole)
        self.check_up.damage_found.connect(self._on_damage)
        self.check_up.alignment_found.connect(self._on_alignment)
        self.check_up.failed.connect(lambda message: self._session.said.emit(message, True))

    def _on_damage(self, damage: Damage) -> None:
        self.skip_field.setPlaceholderText("none")
        if self._session.skip_sections is None and not self._session.is_busy:
            self.skip_field.setText(sections_text(damage.sections))
            self.skip_note.setText("found" if damage.sections else "")
            self._session.skip_sections = damage.sections
            reasons = "<br>".join(f"{z}: {reason}" for z, reason in sorted(damage.reasons.items())[:12])
            self.skip_note.setToolTip(f"<qt>{damage.sentence}<br>{reasons}</qt>")
        self._tell()

    def _on_alignment(self, alignment: Any) -> None:
        self.alignment_label.setText(alignment.sentence)
        self.alignment_label.setStyleSheet(f"color: {AMBER};" if alignment.is_warning else "")
        self._alignment_brief = "badly aligned" if alignment.is_warning else ""
        if alignment.is_warning and not self._session.is_busy:
            self._session.said.emit(alignment.sentence, False)
        self._tell()

    def _on_skip_typed(self) -> None:
        if self._volume is None or not self.skip_field.isModified():
            return
        self.skip_field.setModified(False)
        try:
            sections = sections_from(self.skip_field.text(), self._volume.shape_zyx[0])
        except InputError as error:
            self._session.said.emit(str(error), True)
            self.skip_field.setText(sections_text(self._session.skip_sections or ()))
            return
        self._session.skip_sections = sections
        self.skip_field.setText(sections_text(sections))
        self.skip_note.setText("yours")
        self.skip_note.setToolTip("")
        self._tell()

    def _on_rectangle(self) -> None:
        if self._layer is None:
            return
        try:
            self._rows_columns = rectangle_on(self._viewer, self._layer)
        except InputError as error:
            self._session.said.emit(str(error), False)
        self._tell()

    def _on_whole(self) -> None:
        self._rows_columns = None
        self.sections_slider.setValue((0, self.sections_slider.maximum()))
        self._tell()

    def _tell(self) -> None:
        """Give the session the region, and say in words which it is."""
        volume = self._volume
        if volume is None:
            self._session.region = None
            self.summarised.emit("")
            return
        depth, height, width = volume.shape_zyx
        bounds: Any = self.sections_slider.value()
        first, last = bounds
        last = min(last, depth - 1)
        y0, y1, x0, x1 = self._rows_columns or (0, height, 0, width)
        is_whole = (first, last) == (0, depth - 1) and self._rows_columns is None
        self._session.region = None if is_whole else f"{first}:{last + 1},{y0}:{y1},{x0}:{x1}"
        self.sections_label.setText(f"{first} to {last}")
        _, ny, nx = volume.voxel_size_nm
        size = f"{(y1 - y0) * ny / 1000:.2g}×{(x1 - x0) * nx / 1000:.2g} µm"
        self.box_label.setText(f"All of it, {size}" if self._rows_columns is None else f"A part, {size}")
        self.whole_button.setEnabled(not is_whole and not self._session.is_busy)
        n_skipped = len(self._session.skip_sections or ())
        parts = [f"{n_skipped} damaged skipped" if n_skipped else "", "" if is_whole else "a part of it"]
        self.summarised.emit(" · ".join(part for part in (*parts, self._alignment_brief) if part))
