"""What the selected class is like: its figures, patches that show it, and the probabilities of a voxel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.gui.fitted_text import ElidedLabel
from napari_em_autoclass.gui.glyphs import AMBER, GREEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_em_autoclass.core.class_statistics import RowStatistics
    from napari_em_autoclass.core.class_survey import Exemplar, Survey

__all__ = ["ClassDetails", "ProbabilityBars", "patches_by_id", "sentence_of"]

_N_PATCHES = 3  # of each kind
_PATCH_PX = 38
_N_BARS = 3  # leaves each room for a name such as "mitochondria"


def sentence_of(class_map: ClassMap, row: RowStatistics) -> str:
    """Return the figures of a class in one line."""
    parts = [f"{row.volume_um3:.3g} µm³", f"in {row.sections} of {row.sections_seen} sections seen"]
    if row.entropy_bits is not None:
        parts.append(f"entropy {row.entropy_bits:.2f} bit")
    if row.neighbours:
        touches = (f"{class_map.name_of(i)} {100 * share:.0f} %" for i, share in row.neighbours[:3])
        parts.append(f"touches {', '.join(touches)}")
    return " · ".join(parts)


def joined(class_map: ClassMap, rows: Sequence[int]) -> tuple[ClassMap, int | None]:
    """Return the map as it would be with `rows` merged, and the row they would be; None if they can't be one."""
    if len(rows) < 2:
        return class_map, next(iter(rows), None)
    try:
        # A lock forbids the merge, not the look at what it would give.
        merged = replace(class_map, locked=frozenset()).merge(rows)
    except InputError:
        return class_map, None
    return merged, merged.shown_id(rows[0])


class ClassDetails(QWidget):
    """One line and two rows under the list, of the same height whatever they show."""

    place_wanted = Signal(object)  # voxel (z, y, x)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.figures, self.bars = ElidedLabel(), ProbabilityBars()
        self.patches = [self._made_patch() for _ in range(2 * _N_PATCHES)]
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        for title, some in (("Typical", self.patches[:_N_PATCHES]), ("Unclear", self.patches[_N_PATCHES:])):
            group, line = QVBoxLayout(), QHBoxLayout()
            group.setSpacing(1)
            line.setSpacing(3)
            label = QLabel(title)
            label.setToolTip("Where the class is surest" if title == "Typical" else "Where the class is least sure")
            group.addWidget(label)
            for button in some:
                line.addWidget(button)
            group.addLayout(line)
            row.addLayout(group)
            row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.figures)
        layout.addLayout(row)
        layout.addWidget(self.bars)
        self.setVisible(False)

    def show_rows(self, class_map: ClassMap, survey: Survey, rows: Sequence[int]) -> None:
        """Show a row of `class_map`, or what several would be together: one may want to know before one merges."""
        self.setVisible(True)
        self.bars.set_class_map(class_map)
        with_them_merged, row = joined(class_map, rows)
        typical, unclear = survey.of_row(with_them_merged, row, _N_PATCHES) if row else ((), ())
        text = f"{len(rows)} rows selected" if rows else "Select a class"
        if row:
            figures = sentence_of(with_them_merged, survey.statistics.of_row(with_them_merged, row))
            text = figures if len(rows) == 1 else f"{len(rows)} together: {figures}"
        self.figures.setText(text)
        self.figures.setToolTip(f"{text}.\nEstimated from some places all over the stack." if row else "")
        for some, buttons in ((typical, self.patches[:_N_PATCHES]), (unclear, self.patches[_N_PATCHES:])):
            for i, button in enumerate(buttons):
                _fill(button, some[i] if i < len(some) else None)

    def forget(self) -> None:
        """Show nothing: what is known is of classes that are learned no longer."""
        self.setVisible(False)
        self.bars.forget()

    def _made_patch(self) -> QToolButton:
        button = QToolButton()
        button.setIconSize(QSize(_PATCH_PX, _PATCH_PX))
        button.setFixedSize(_PATCH_PX + 4, _PATCH_PX + 4)
        button.clicked.connect(lambda: self.place_wanted.emit(button.property("place")))
        return button


def patches_by_id(survey: Survey) -> dict[int, QPixmap]:
    """Return the most typical patch of each id that was found."""
    best: dict[int, Exemplar] = {}
    for exemplar in survey.exemplars:
        if exemplar.kind == "typical" and (exemplar.id not in best or best[exemplar.id].score < exemplar.score):
            best[exemplar.id] = exemplar
    return {class_id: _pixmap(exemplar) for class_id, exemplar in best.items()}


def _pixmap(exemplar: Exemplar) -> QPixmap:
    patch = exemplar.patch
    image = QImage(patch.tobytes(), patch.shape[1], patch.shape[0], patch.shape[1], QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(image.copy())


def _fill(button: QToolButton, exemplar: Exemplar | None) -> None:
    button.setEnabled(exemplar is not None)
    button.setIcon(QIcon())
    button.setToolTip("")
    button.setStyleSheet("QToolButton { padding: 0px; border: 1px solid transparent; }")
    if exemplar is None:
        return
    button.setIcon(QIcon(_pixmap(exemplar)))
    color = GREEN if exemplar.kind == "typical" else AMBER
    button.setStyleSheet(f"QToolButton {{ padding: 0px; border: 1px solid {color}; }}")
    button.setProperty("place", exemplar.place_zyx)
    sure = f"{100 * exemplar.score:.0f} % sure around here"
    button.setToolTip(f"Section {exemplar.place_zyx[0]}, {sure}; click to go there")
    button.setAccessibleName(f"{exemplar.kind} place in section {exemplar.place_zyx[0]}")


class ProbabilityBars(QWidget):
    """The likeliest classes of a voxel as small bars, side by side; empty until a voxel was picked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: tuple[tuple[str, str, float], ...] = ()  # name, colour, probability
        self._probs: dict[int, float] = {}
        self.setFixedHeight(self.fontMetrics().height() + 12)
        self.forget()

    def forget(self) -> None:
        """Show no voxel."""
        self.shown, self._probs = (), {}
        self.setToolTip("Double-click a voxel in the picture: how probable each class is there")
        self.update()

    def show_probabilities(self, class_map: ClassMap, probs: dict[int, float]) -> None:
        """Show the likeliest rows; `probs` by id, those of a group are added up."""
        self._probs = probs
        self.set_class_map(class_map)

    def set_class_map(self, class_map: ClassMap) -> None:
        """Show the same probabilities with the names, colours and merges of now."""
        if not self._probs:
            return
        shown, known, rows = class_map.lookup().tolist(), set(class_map.ids), dict[int, float]()
        for class_id, prob in self._probs.items():
            if class_id in known:  # else a part that is whole again
                rows[shown[class_id]] = rows.get(shown[class_id], 0.0) + prob
        best = sorted(rows.items(), key=lambda item: -item[1])[:_N_BARS]
        self.shown = tuple((class_map.name_of(i), class_map.color_of(i), min(prob, 1.0)) for i, prob in best)
        lines = "\n".join(f"{name}: {100 * prob:.0f} %" for name, _, prob in self.shown)
        self.setToolTip(f"At the voxel picked:\n{lines}")
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the bars, each under its name."""
        painter = QPainter(self)
        metrics = self.fontMetrics()
        if not self.shown:
            color = QColor(self.palette().text().color())
            color.setAlphaF(0.5)
            painter.setPen(color)
            hint = "Double-click the picture to see a voxel's probabilities"
            short = metrics.elidedText(hint, Qt.TextElideMode.ElideRight, self.width())
            painter.drawText(QPointF(0, metrics.ascent()), short)
            return
        width = self.width() / _N_BARS
        for i, (name, color_name, prob) in enumerate(self.shown):
            left, room = i * width, width - 6
            painter.setPen(self.palette().text().color())
            percent = f" {100 * prob:.0f} %"
            short = metrics.elidedText(
                name, Qt.TextElideMode.ElideMiddle, int(room - metrics.horizontalAdvance(percent))
            )
            painter.drawText(QPointF(left, metrics.ascent()), short + percent)
            faint = QColor(color_name)
            faint.setAlphaF(0.25)
            top = metrics.height() + 2
            painter.fillRect(QRectF(left, top, room, 6), faint)
            painter.fillRect(QRectF(left, top, room * prob, 6), QColor(color_name))
