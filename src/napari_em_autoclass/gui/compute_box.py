"""Where to compute: in the viewer's process, in one of its own, or on a Dask cluster; and back to what runs there."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_em_autoclass.core.class_map import History
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.place import Place
from napari_em_autoclass.gui.sentences import sentence_for
from napari_em_autoclass.gui.session import RunState, Session
from napari_em_autoclass.gui.wishes import Wishes
from napari_em_autoclass.gui.worker import Report, TaskWorker

if TYPE_CHECKING:
    from napari_em_autoclass.core.elsewhere import TrainingInfo

__all__ = ["ComputeBox", "kept_history"]

_log = logging.getLogger(__name__)
_KINDS = {
    "here": ("This computer", "Starts fastest."),
    "own process": (
        "This computer, own process",
        "Starts some seconds later. If the training crashes, or memory runs out, the viewer stays, and the run goes on "
        "from its last checkpoint.",
    ),
    "cluster": ("Dask cluster", "A GPU workstation or a cluster on which a Dask scheduler and workers run."),
}
_ADDRESS_TIP = (
    "Address of the scheduler. Whoever runs it can run anything as you, here and there: use only your own, and tls:// "
    "over a network."
)


def kept_history(session: Session) -> History | None:
    """Return the names and merges in the folder of a run that goes on, None where there are none that can be read."""
    if not session.is_resumed or session.run_dir is None or not (session.run_dir / "run.json").exists():
        return None
    from napari_em_autoclass.core.checkpoint import RunFolder

    try:
        return RunFolder.open(session.run_dir).history
    except InputError as error:
        _log.warning("names and merges could not be read: %s", error)
        return None


def _running_at(address: str) -> Sequence[TrainingInfo]:
    from napari_em_autoclass.io.elsewhere import running_at

    return running_at(address)


class ComputeBox(QWidget):
    """Sets `Session.place`; `summarised` carries it in words.

    Parameters
    ----------
    session : whose trainings begin there
    list_trainings : asks a cluster what runs there, in a thread; tests pass their own
    """

    summarised = Signal(str)

    def __init__(
        self,
        session: Session,
        list_trainings: Callable[[str], Sequence[TrainingInfo]] = _running_at,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._list = session, list_trainings
        self._worker: TaskWorker | None = None
        self.kind_box, self.address_edit = QComboBox(), QLineEdit()
        self.keep_box = QCheckBox("Keep learning when napari closes")
        self.reconnect_button = QPushButton("Reconnect…")
        self._fill()
        self._lay_out()
        self.kind_box.currentIndexChanged.connect(self._on_changed)
        self.address_edit.editingFinished.connect(self._on_changed)
        self.keep_box.toggled.connect(self._on_changed)
        self.reconnect_button.clicked.connect(self.look_for_trainings)
        session.state_changed.connect(self._on_state)
        self._on_changed()

    @property
    def place(self) -> Place:
        """What is set now."""
        kind = self.kind_box.currentData()
        if kind != "cluster":
            return Place(kind)
        return Place(kind, self.address_edit.text().strip(), self.keep_box.isChecked())

    def look_for_trainings(self) -> None:
        """Ask the cluster, in a thread, for the trainings that it has, and offer them."""
        address = self.place.address
        if not address:
            self._session.said.emit("Type the address of the cluster's scheduler first.", True)
            return

        def ask(report: Report) -> Sequence[TrainingInfo]:
            return self._list(address)

        self.close_down()
        self._session.said.emit(f"Asking {address} what runs there…", False)
        self._worker = TaskWorker(ask)
        self._worker.returned.connect(self._on_found)
        self._worker.errored.connect(self._on_errored)
        self._worker.start()

    def menu_of(self, found: Sequence[TrainingInfo]) -> QMenu:
        """Return the menu that offers trainings."""
        menu = QMenu(self)
        for info in found:
            said = f"{info.volume_name}: {info.settings.recipe}, {info.state}, {info.fraction:.0%}, step {info.step}"
            menu.addAction(said).triggered.connect(lambda _=False, info=info: self.follow(info))
        return menu

    def follow(self, info: TrainingInfo) -> None:
        """Show a training that runs already as if it had been begun here."""
        self._session.place = replace(self.place, follows=info.run_id)
        self._session.start(Wishes(info.settings.recipe, info.settings.n_classes), Path(info.run_dir))
        self._session.place = self.place  # the next one is a new one

    def close_down(self) -> None:
        """Show nothing later."""
        if self._worker is not None:
            for signal in (self._worker.returned, self._worker.errored):
                signal.disconnect()
            self._worker.quit()
            self._worker = None

    def _fill(self) -> None:
        for kind, (title, about) in _KINDS.items():
            self.kind_box.addItem(title, kind)
            self.kind_box.setItemData(self.kind_box.count() - 1, about, 3)  # Qt.ToolTipRole
        self.kind_box.setToolTip("<qt>" + "<br>".join(f"<b>{t}</b>: {about}" for t, about in _KINDS.values()) + "</qt>")
        self.kind_box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.address_edit.setPlaceholderText("tcp://gpu-box:8786")
        self.address_edit.setToolTip(f"<qt>{_ADDRESS_TIP}</qt>")
        self.address_edit.setText(os.environ.get("DASK_SCHEDULER_ADDRESS", ""))  # Dask's own
        self.keep_box.setToolTip(
            "<qt>The training goes on there; connect again here, or by <i>em-autoclass attach</i>.</qt>"
        )
        self.reconnect_button.setToolTip("Follow a training that runs there already")

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        self._address_label = QLabel("Address")
        grid.addWidget(QLabel("Compute on"), 0, 0)
        grid.addWidget(self.kind_box, 0, 1, 1, 2)
        grid.addWidget(self._address_label, 1, 0)
        grid.addWidget(self.address_edit, 1, 1)
        grid.addWidget(self.reconnect_button, 1, 2)
        grid.addWidget(self.keep_box, 2, 0, 1, 3)
        grid.setColumnStretch(1, 1)

    def _on_changed(self, _: object = None) -> None:
        place = self.place
        for widget in (self._address_label, self.address_edit, self.reconnect_button, self.keep_box):
            widget.setVisible(place.kind == "cluster")
        self._session.place = place
        self.summarised.emit(place.address or _KINDS[place.kind][0].lower())

    def _on_state(self, state: RunState) -> None:
        self.setEnabled(state is RunState.IDLE)

    def _on_found(self, found: Sequence[TrainingInfo]) -> None:
        self._worker = None
        address = self.place.address
        if not found:
            self._session.said.emit(f"No training runs at {address}.", False)
            return
        self._session.said.emit(f"{len(found)} at {address}: choose one to follow.", False)
        self.menu_of(found).popup(self.reconnect_button.mapToGlobal(self.reconnect_button.rect().bottomLeft()))

    def _on_errored(self, error: Exception) -> None:
        self._worker = None
        _log.error("the cluster could not be asked", exc_info=error)
        self._session.said.emit(sentence_for(error), True)
