"""Maps of a section that were kept by name: choose one, hold it against the map of now."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import SnapshotTaken
from napari_em_autoclass.core.kept_maps import KeptMap, changed_share, forget_map, keep_map, kept_maps, read_map
from napari_em_autoclass.gui.fitted_text import ElidedBox
from napari_em_autoclass.gui.session import Session

__all__ = ["KeptBar"]


class KeptBar(QWidget):
    """`wanted` carries the snapshot to show, `place_wanted` where (z, y, x) it is; hidden until something is kept."""

    wanted = Signal(object)  # SnapshotTaken
    place_wanted = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._kept: list[KeptMap] = []
        self._read: SnapshotTaken | None = None  # the one chosen, once it is needed
        self._now: SnapshotTaken | None = None
        self._lookup = np.arange(256, dtype=np.uint8)
        self.combo = ElidedBox()
        self.combo.setStyleSheet("padding: 3px 2px 3px 6px;")  # napari's style leaves a name half of the box
        self.combo.setToolTip(
            "Maps you kept · of which section; they lie in the folder of the run and are there when it is opened again"
        )
        self.show_button = QPushButton("Show")
        self.show_button.setCheckable(True)
        self.show_button.setToolTip("Shows the kept map in place of the map of now; press again to change back")
        self.share_label = QLabel()
        self.share_label.setMinimumWidth(self.fontMetrics().horizontalAdvance("100 % differ"))
        self.share_label.setToolTip(
            "<qt>Share of the pixels that the map of now shows as another class than the kept one, both with your "
            "merges; only where both were made</qt>"
        )
        self.forget_button = QToolButton()
        self.forget_button.setText("✕")
        self.forget_button.setAutoRaise(True)
        self.forget_button.setToolTip("Delete the kept map")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for widget in (QLabel("Kept"), self.combo, self.show_button, self.share_label, self.forget_button):
            row.addWidget(widget, 1 if widget is self.combo else 0)
        self.combo.currentIndexChanged.connect(self._on_chosen)
        self.show_button.toggled.connect(self._on_toggled)
        self.forget_button.clicked.connect(self._forget)
        self._list([], None)

    @property
    def is_showing(self) -> bool:
        """Whether a kept map stands in place of the one of now."""
        return bool(self.show_button.isChecked())

    @property
    def names(self) -> list[str]:
        """What the maps are called, oldest first."""
        return [kept.name for kept in self._kept]

    def open(self, run_dir: Path | None) -> None:
        """List what was kept of a run."""
        self._now = None
        self._list(kept_maps(run_dir) if run_dir is not None else [], None)

    def keep(self, taken: SnapshotTaken, name: str) -> None:
        """Keep a map by name in the folder of the run, and choose it."""
        run_dir = self._session.run_dir
        if run_dir is None:
            return
        try:
            kept = keep_map(run_dir, taken, name)
        except InputError as error:
            self._session.said.emit(str(error), True)
            return
        self._list([*self._kept, kept], kept)
        self._session.said.emit(f"Kept as {name}.", False)

    def follow(self, taken: SnapshotTaken) -> None:
        """Compare with the newest map; one of another place ends the show, or that place would have no map."""
        self._now = taken
        if self.is_showing and self._chosen_place() != (taken.view.z, taken.view.y0, taken.view.x0):
            with QSignalBlocker(self.show_button):
                self.show_button.setChecked(False)
        self._compare()

    def set_classes(self, class_map: ClassMap) -> None:
        """Count as changed only what is shown differently, with these merges."""
        known = class_map.lookup()
        self._lookup[: len(known)] = known
        self._compare()

    def _list(self, kept: list[KeptMap], chosen: KeptMap | None) -> None:
        self._kept, self._read = kept, None
        with QSignalBlocker(self.combo):
            self.combo.clear()
            for one in kept:
                self.combo.addItem(f"{one.name} · {one.corner_zyx[0]}")
            self.combo.setCurrentIndex(kept.index(chosen) if chosen is not None else len(kept) - 1)
        with QSignalBlocker(self.show_button):
            self.show_button.setChecked(False)
        self.setVisible(bool(kept))
        self._compare()

    def _chosen(self) -> SnapshotTaken | None:
        """Return the chosen map, read when it is needed first."""
        index = self.combo.currentIndex()
        if self._read is None and 0 <= index < len(self._kept):
            try:
                self._read = read_map(self._kept[index])
            except InputError as error:
                self._session.said.emit(str(error), True)
        return self._read

    def _chosen_place(self) -> tuple[int, int, int] | None:
        index = self.combo.currentIndex()
        return self._kept[index].corner_zyx if 0 <= index < len(self._kept) else None

    def _on_chosen(self, _: int) -> None:
        self._read = None
        if self.is_showing:
            self._on_toggled(True)
        self._compare()

    def _on_toggled(self, is_on: bool) -> None:
        shown = self._chosen() if is_on else self._now
        if shown is None:
            return
        if is_on and (self._now is None or self._now.view.z != shown.view.z):
            # Its section is looked at first; what comes of that must not end the show.
            self._now = shown
            self.place_wanted.emit((shown.view.z, *_middle(shown)))
        self.wanted.emit(shown)

    def _compare(self) -> None:
        chosen = self._chosen() if self._now is not None and self._kept else None
        share = changed_share(chosen, self._now, self._lookup) if chosen is not None and self._now is not None else None
        self.share_label.setText("" if share is None else f"{100 * share:.0f} % differ")

    def _forget(self) -> None:
        index = self.combo.currentIndex()
        if not 0 <= index < len(self._kept):
            return
        if self.is_showing:
            self.show_button.setChecked(False)
        try:
            forget_map(self._kept[index])
        except InputError as error:
            self._session.said.emit(str(error), True)
            return
        self._list([kept for number, kept in enumerate(self._kept) if number != index], None)


def _middle(taken: SnapshotTaken) -> tuple[int, int]:
    view = taken.view
    return (view.y0 + view.y1) // 2, (view.x0 + view.x1) // 2
