"""What matters, in plain words: one slider for each aim of the training, however many terms serve it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QSlider, QWidget
from superqt import QElidingLabel

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
        self._recipe: Mapping[str, float] = {}
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
            for kind in self._served(aim):
                # A term the recipe lists with weight 0 is an offer: its slider is the weight itself.
                found[kind] = round(factor * (self._recipe[kind] or 1.0), 6)
        return found

    def set_recipe(self, weights: Mapping[str, float]) -> None:
        """Show the aims of another recipe, each at the recipe's weight."""
        self._recipe = dict(weights)
        for aim, (label, slider, value) in self._rows.items():
            served = self._served(aim)
            for widget in (label, slider, value):
                widget.setVisible(bool(served))
            slider.blockSignals(True)
            slider.setValue(_STEPS_PER_UNIT if any(self._recipe[kind] for kind in served) else 0)
            slider.blockSignals(False)
            self._show_value(aim)

    def raise_aim(self, kind: str) -> None:
        """Double the weight of the aim that `kind` serves."""
        for aim, (_, slider, _) in self._rows.items():
            if kind in self._served(aim):
                slider.setValue(max(2 * slider.value(), _STEPS_PER_UNIT))

    def _add_row(self, row: int, aim: Aim) -> None:
        label, slider, value = QElidingLabel(aim.words), QSlider(Qt.Orientation.Horizontal), QLabel()
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
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
        return tuple(kind for kind in aim.kinds if kind in self._recipe)
