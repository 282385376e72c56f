"""One line when split classes show whole, since the network has learned on, and a button that splits them again."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_splits import without_split
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import Event, RunEnded, RunStarted
from napari_em_autoclass.core.split import Split
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.fitted_text import WrappedLabel
from napari_em_autoclass.gui.session import Session

__all__ = ["SplitNotice"]


class SplitNotice(QWidget):
    """Hidden unless the parts of a split can't be shown; `split_wanted` carries class and number of parts."""

    split_wanted = Signal(int, int)

    def __init__(self, session: Session, decisions: Decisions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._decisions = session, decisions
        self._step: int | None = None  # of the weights that answer now, None while they change
        self._is_learning = False
        self.label = WrappedLabel()
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.again_button = QPushButton("Split again")
        self.again_button.setToolTip(
            "Looks for as many parts anew in what was learned meanwhile, one class at each press; Undo takes it back"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.label, 1)
        row.addWidget(self.again_button)
        self.again_button.clicked.connect(self._split_again)
        decisions.changed.connect(lambda _: self._tell())
        self._tell()

    def on_event(self, event: Event) -> None:
        """Follow a run: while it learns no parts can be shown, and after it only those found with its last weights."""
        if isinstance(event, RunStarted):
            self._step, self._is_learning = None, True
        elif isinstance(event, RunEnded):
            self._step, self._is_learning = event.step, False
        else:
            return
        self._tell()

    def _stale(self, class_map: ClassMap | None) -> list[Split]:
        if class_map is None or (self._step is None and not self._is_learning):
            return []
        return [split for split in class_map.splits if self._is_learning or _step_of(split) != self._step]

    def _tell(self) -> None:
        class_map = self._decisions.class_map
        stale = self._stale(class_map)
        self.setVisible(bool(stale))
        if class_map is None or not stale:
            return
        names = ", ".join(class_map.own(split.class_id)[0] for split in stale)
        verb = "shows" if len(stale) == 1 else "show"
        why = "while the network learns" if self._is_learning else "since the network has learned on"
        self.label.setText(f"{names} {verb} whole {why}: the parts are of before.")
        self.again_button.setVisible(not self._is_learning)

    def _split_again(self) -> None:
        class_map = self._decisions.class_map
        stale = self._stale(class_map)
        if class_map is None or not stale or self._session.is_busy:
            return
        try:
            self._decisions.do(without_split(class_map, stale[0].class_id))
        except InputError as error:
            self._session.said.emit(str(error), True)
            return
        self.split_wanted.emit(stale[0].class_id, len(stale[0].parts))


def _step_of(split: Split) -> int | None:
    """Return the step of the weights that a split was made with: "student@240"."""
    step = split.made_with.rpartition("@")[2]
    return int(step) if step.isdecimal() else None
