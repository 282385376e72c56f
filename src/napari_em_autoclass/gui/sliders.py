"""What matters, in plain words: one slider for each aim of the training, however many terms serve it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSlider, QWidget

from napari_em_autoclass.gui.fitted_text import ElidedLabel

__all__ = ["AIMS", "Aim", "AimSliders"]

_STEPS_PER_UNIT = 20
_MAX = 4.0  # times the recipe's weight


@dataclass(frozen=True, slots=True)
class Aim:
    """Words for a biologist, the term of the trade, and the kinds of loss terms that serve it."""

    words: str
    trade: str
    kinds: tuple[str, ...]


AIMS = (
    Aim(
        "Neighbours must foretell this section",
        "prediction cross-entropy, mutual information, latent prediction and cycles between neighbouring sections",
        ("forecast", "neighbour_information", "prediction", "latent_section", "cycle"),
    ),
    Aim(
        "Ignore contrast and noise",
        "agreement of two views: mutual information, contrast, invariance, cross-correlation, swapped assignment",
        ("view_information", "contrast", "invariance", "cross_correlation", "swapped_assignment"),
    ),
    Aim(
        "Follow a steady teacher",
        "self-distillation and latent prediction from a mean teacher",
        ("self_distillation", "masked_distillation", "dense_assignment", "latent_blocks"),
    ),
    Aim("Use all the classes", "balance, equipartition (entropy of the class usage)", ("balance",)),
    Aim(
        "Decide clearly",
        "confidence (entropy of each pixel's class), sharpened targets",
        ("confidence", "self_training"),
    ),
    Aim("Leave doubtful pixels in doubt", "confidence penalty", ("confidence_penalty",)),
    Aim(
        "Keep fine structure in place",
        "cross-entropy to clusters of the features, fixed (anchor) or renewed",
        ("anchor", "cluster_targets"),
    ),
    Aim(
        "Features must differ",
        "variance and covariance, Gaussian shape, distance to the nearest",
        ("variance", "covariance", "gaussianity", "koleo"),
    ),
    Aim("Prefer compact regions", "normalised cut, local and global", ("soft_cut", "neural_cut")),
    Aim(
        "Paint the section again",
        "reconstruction of hidden, noisy or classified sections",
        ("reconstruction", "denoising"),
    ),
    Aim(
        "Follow texture and direction",
        "filter correspondence and local statistics as targets",
        ("correspondence", "section_statistics"),
    ),
)


class AimSliders(QWidget):
    """A slider per aim that the recipe's terms serve; `changed` carries the new weights by kind."""

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._at_one: dict[str, float] = {}  # weight by kind where its slider stands at 1
        self._rows: dict[Aim, tuple[QLabel, QSlider, QLabel]] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(4, 0, 0, 4)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(0, 1)
        for row, aim in enumerate(AIMS):
            self._add_row(row, aim)

    @property
    def weights(self) -> dict[str, float]:
        """Weight by kind, for every kind of the recipe that an aim stands for."""
        found: dict[str, float] = {}
        for aim, (_, slider, _) in self._rows.items():
            factor = slider.value() / _STEPS_PER_UNIT
            found |= {kind: round(factor * self._at_one[kind], 6) for kind in self._served(aim)}
        return found

    def set_recipe(self, weights: Mapping[str, float]) -> None:
        """Show the aims of another recipe, each at the recipe's weight."""
        self._at_one = dict(weights)
        for aim, (label, slider, value) in self._rows.items():
            served = self._served(aim)
            is_on = any(weights[kind] for kind in served)
            if not is_on:  # terms listed with weight 0 are an offer: the slider is their weight
                self._at_one |= dict.fromkeys(served, 1.0)
            for widget in (label, slider, value):
                widget.setVisible(bool(served))
            with QSignalBlocker(slider):
                slider.setValue(_STEPS_PER_UNIT if is_on else 0)
            self._show_value(aim)

    @property
    def kinds(self) -> frozenset[str]:
        """The terms that have a weight now."""
        return frozenset(kind for kind, weight in self.weights.items() if weight > 0)

    def raise_aim(self, kind: str) -> bool:
        """Double the weight of the aim that `kind` serves; return whether there was room to."""
        return self._move(kind, lambda now: max(2 * now, _STEPS_PER_UNIT))

    def lower_aim(self, kind: str) -> bool:
        """Halve the weight of the aim that `kind` serves; return whether there was any to take away."""
        return self._move(kind, lambda now: now // 2)

    def set_weight(self, kind: str, weight: float) -> None:
        """Give one term a weight of its own; its slider stays, and the others that it moves keep theirs."""
        aim = next((aim for aim in self._rows if kind in self._served(aim)), None)
        if aim is None or self.weights[kind] == weight:
            return
        slider = self._rows[aim][1]
        if slider.value() == 0:
            # The aim is off, with all terms that serve it: this one alone is switched on.
            self._at_one |= dict.fromkeys(self._served(aim), 0.0)
            with QSignalBlocker(slider):
                slider.setValue(_STEPS_PER_UNIT)
        self._at_one[kind] = weight * _STEPS_PER_UNIT / slider.value()
        self._show_value(aim)
        self.changed.emit(self.weights)

    def _move(self, kind: str, value_of: Callable[[int], int]) -> bool:
        for aim, (_, slider, _) in self._rows.items():
            if kind in self._served(aim):
                before = slider.value()
                slider.setValue(value_of(before))
                return bool(slider.value() != before)
        return False

    def _add_row(self, row: int, aim: Aim) -> None:
        label, slider, value = ElidedLabel(aim.words), QSlider(Qt.Orientation.Horizontal), QLabel()
        slider.setRange(0, int(_MAX * _STEPS_PER_UNIT))
        slider.setPageStep(_STEPS_PER_UNIT // 4)
        slider.setMinimumWidth(60)
        slider.setAccessibleName(aim.words)
        for widget in (label, slider, value):
            widget.setToolTip(f"{aim.words}: {aim.trade}.\n1 is what the recipe says, 0 switches it off.")
        value.setFixedWidth(value.fontMetrics().horizontalAdvance("0.00"))
        slider.valueChanged.connect(lambda _: self._on_moved(aim))
        self._rows[aim] = (label, slider, value)
        self._grid.addWidget(label, 2 * row, 0)
        self._grid.addWidget(value, 2 * row, 1)
        self._grid.addWidget(slider, 2 * row + 1, 0, 1, 2)

    def _on_moved(self, aim: Aim) -> None:
        self._show_value(aim)
        self.changed.emit(self.weights)

    def _show_value(self, aim: Aim) -> None:
        _, slider, value = self._rows[aim]
        value.setText(f"{slider.value() / _STEPS_PER_UNIT:.2g}")

    def _served(self, aim: Aim) -> tuple[str, ...]:
        return tuple(kind for kind in aim.kinds if kind in self._at_one)
