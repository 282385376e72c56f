"""The two lines at the top of the dock: which stack, on what, and how it is doing."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtGui import QFont
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_em_autoclass.core.events import Event, RunStarted
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.fitted_text import ElidedLabel, WrappedLabel
from napari_em_autoclass.gui.glyphs import AMBER, GREEN, GREY, RED
from napari_em_autoclass.gui.health import Health, HealthWatch
from napari_em_autoclass.gui.source import voxel_size_text

__all__ = ["Header"]

_LIGHT_PX = 16
_LIGHTS = {"green": GREEN, "amber": AMBER, "red": RED, "off": GREY}


class Header(QWidget):
    """Shows the stack, the device with its reason, classes in use, and a remedy when classes die."""

    remedy_wanted = Signal(object)  # Remedy

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.watch = HealthWatch()
        self._health: Health | None = None
        self.light = QLabel("●")
        self.name = ElidedLabel("No stack chosen")
        font = QFont(self.name.font())
        font.setBold(True)
        self.name.setFont(font)
        self.size_label = QLabel()
        self.device = ElidedLabel()
        self.in_use = QLabel()
        self.warning = QWidget()
        self.warning_text = WrappedLabel()
        self.remedy_button = QPushButton()
        self.remedy_button.clicked.connect(self._on_remedy)
        self._lay_out()
        self.show_health(None)

    def _lay_out(self) -> None:
        stack, run, warning = QHBoxLayout(), QHBoxLayout(), QHBoxLayout(self.warning)
        stack.addWidget(self.light)
        stack.addWidget(self.name, 1)
        stack.addWidget(self.size_label)
        self.light.setFixedWidth(_LIGHT_PX)
        run.setContentsMargins(_LIGHT_PX + 6, 0, 0, 0)  # below the name
        run.addWidget(self.device, 1)
        run.addWidget(self.in_use)
        warning.setContentsMargins(_LIGHT_PX + 6, 2, 0, 0)
        warning.addWidget(self.warning_text, 1)
        warning.addWidget(self.remedy_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        for row in (stack, run, warning):
            row.setSpacing(6)
        column.addLayout(stack)
        column.addLayout(run)
        column.addWidget(self.warning)

    def show_volume(self, volume: Volume | None) -> None:
        """Say which stack is used."""
        self.name.setText(volume.name if volume else "No stack chosen")
        self.name.setToolTip(f"{volume.name}\n{volume.source}" if volume else "")
        # Without blanks: the name beside it needs the room.
        shape = "×".join(str(n) for n in volume.shape_zyx) if volume else ""
        size = voxel_size_text(volume.voxel_size_nm).replace(" × ", "×") if volume else ""
        self.size_label.setText(f"{shape} · {size}" if volume else "")
        self.size_label.setToolTip("Sections × rows × columns, and the size of a voxel (z × y × x)")
        self.show_health(None)

    def show_event(self, event: Event) -> None:
        """Follow a run."""
        if isinstance(event, RunStarted):
            reason = event.device_reason.removeprefix(f"{event.device.upper()}, because ")
            self.device.setText(f"{event.device.upper()} · {reason}")
            self.device.setToolTip(f"Computing on {event.device}: {event.device_reason}")
            self.show_health(None)
        health = self.watch.see(event)
        if health is not None:
            self.show_health(health)

    def show_health(self, health: Health | None) -> None:
        """Set the light, and say what to do where something is wrong."""
        if health is not None and health == self._health:
            return  # at every step: a tooltip that is shown would vanish
        self._health = health
        self.light.setStyleSheet(f"color: {_LIGHTS[health.light if health else 'off']};")
        remedy = health.remedy if health is not None else None
        in_words = f"{health.sentence.removesuffix('.')}. " if health else ""
        self.light.setToolTip(f"<qt>{in_words or 'How the learning is doing: it has not begun yet.'}</qt>")
        self.in_use.setText(health.brief if health else "")
        self.in_use.setToolTip(f"<qt>{in_words}Counted as if all those in use were equally frequent.</qt>")
        self.warning_text.setText(health.sentence if health else "")
        # Shown beside a green light too where there is something to press.
        self.warning.setVisible(health is not None and (remedy is not None or health.light != "green"))
        self.remedy_button.setVisible(remedy is not None)
        if remedy is not None:
            self.remedy_button.setText(remedy.label)
            self.remedy_button.setToolTip(f"<qt>{remedy.about}</qt>")

    def _on_remedy(self) -> None:
        """Ask for the remedy, and give it time to work before it is proposed again."""
        if self._health is None or self._health.remedy is None:
            return
        remedy = self._health.remedy
        self.watch.treat(remedy)
        self.remedy_button.setVisible(False)
        self.warning.setVisible(False)
        self.remedy_wanted.emit(remedy)
