"""How much effort to spend: a goal and the hardware, which fill time, tiles and the width of the network."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QWidget

from napari_em_autoclass.gui.fitted_text import ElidedBox

__all__ = ["PRESETS", "Preset", "PresetBox"]

_WIDER = "a network three times as wide sees four times as many tiles in each step"
_GPU = ("training.tiles_per_step=24", "classifier.width=48", "tiles.n_regions=64")


@dataclass(frozen=True, slots=True)
class Preset:
    """A title, how long to train, and assignments to the recipe's settings."""

    title: str
    seconds: float
    assignments: tuple[str, ...]
    about: str


PRESETS = (
    Preset("Laptop · quick look", 60.0, (), "a minute, to see what the stack holds."),
    Preset("Laptop · normal", 240.0, (), "four minutes, as good as most stacks need."),
    Preset("Laptop · thorough", 1200.0, (), "twenty minutes, for the map you keep."),
    Preset("Graphics card · quick look", 60.0, _GPU, f"a minute, to see what the stack holds; {_WIDER}."),
    Preset("Graphics card · normal", 240.0, _GPU, f"four minutes, as good as most stacks need; {_WIDER}."),
    Preset("Graphics card · thorough", 1200.0, _GPU, f"twenty minutes, for the map you keep; {_WIDER}."),
)
_NORMAL = 1
_OWN = "Own settings"


class PresetBox(ElidedBox):
    """Offers the presets; shows "Own settings" as soon as the time, or anything else, is another."""

    chosen = Signal(object)  # Preset

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._assignments: tuple[str, ...] = ()
        for preset in PRESETS:
            self.addItem(preset.title)
        self.addItem(_OWN)
        self.setToolTip(
            "<qt>"
            + "<br>".join(f"<b>{preset.title}</b>: {preset.about}" for preset in PRESETS)
            + "<br>The last three want a workstation with a graphics card (GPU); on a laptop they would be slow.</qt>"
        )
        self.setCurrentIndex(_NORMAL)
        self.currentIndexChanged.connect(self._on_chosen)

    @property
    def assignments(self) -> tuple[str, ...]:
        """What the preset chosen last changes in the recipe's settings."""
        return self._assignments

    def show_seconds(self, seconds: float) -> None:
        """Show which preset, of those for the same hardware, has this time; "Own settings" if none has."""
        same = (i for i, p in enumerate(PRESETS) if (p.seconds, p.assignments) == (seconds, self._assignments))
        with QSignalBlocker(self):
            self.setCurrentIndex(next(same, len(PRESETS)))

    def show_own(self) -> None:
        """Show that settings were loaded which are no preset's."""
        self._assignments = ()
        with QSignalBlocker(self):
            self.setCurrentIndex(len(PRESETS))

    def _on_chosen(self, row: int) -> None:
        if 0 <= row < len(PRESETS):
            self._assignments = PRESETS[row].assignments
            self.chosen.emit(PRESETS[row])
