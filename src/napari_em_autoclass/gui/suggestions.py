"""Which classes to merge, as a slider from all of them to a few groups: shown at once, decided by a button."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.events import CheckpointSaved, ClassesRemade, Event, RunEnded, RunStarted, StepDone
from napari_em_autoclass.core.merge_tree import LEAST_GROUPS, MergeTree, with_groups
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.session import Session, sentence_for
from napari_em_autoclass.gui.split_notice import SplitNotice
from napari_em_autoclass.gui.worker import Report, TaskWorker

if TYPE_CHECKING:
    from napari_em_autoclass.core.class_relations import ClassRelations

__all__ = ["Suggestions", "compare_classes"]

_PATCHES = 8  # mean IoU at 5 groups on four stacks 0.43; with 16, which take twice as long, 0.44
_FRESH_S = 20.0  # so long the comparison holds while the classes are still learned


def compare_classes(run_dir: Path, volume: Volume, report: Report) -> ClassRelations:
    """Return how the classes of a run relate, as last saved; slow, for another thread.

    Raises
    ------
    InputError
        If the run or the stack can't be read.
    """
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_relations import relations_of_model

    return relations_of_model(RunFolder.open(run_dir).model(), volume, _PATCHES, report)


class Suggestions(QWidget):
    """A row with a slider.  Moving it previews the groups, `apply_button` makes them one decision.

    Classes are compared in a thread, when the slider leaves its end and what is known of them is not fresh.

    Parameters
    ----------
    session, decisions : of the dock
    compare : from a run folder and its stack to the relations of the classes; called in another thread
    """

    def __init__(
        self,
        session: Session,
        decisions: Decisions,
        compare: Callable[[Path, Volume, Report], ClassRelations] = compare_classes,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._decisions, self._compare = session, decisions, compare
        self._has_weights = False
        self._relations: ClassRelations | None = None
        self._tree: MergeTree | None = None  # for the rows as decided now
        self._age_s = 0.0  # learned since the classes were compared
        self._elapsed_s = 0.0
        self._worker: TaskWorker | None = None
        self.split_notice = SplitNotice(session, decisions)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.figure = QLabel()
        self.apply_button = QPushButton("Apply")
        self._lay_out()
        self.slider.valueChanged.connect(self._on_moved)
        self.apply_button.clicked.connect(self._apply)
        decisions.changed.connect(self._on_decided)
        session.volume_changed.connect(self._on_volume)
        self._on_decided(decisions.class_map)

    @property
    def is_comparing(self) -> bool:
        """Whether the classes are being compared."""
        return self._worker is not None

    def on_event(self, event: Event) -> None:
        """Follow a run: classes can be compared from its first checkpoint on, and anew when they have changed."""
        self.split_notice.on_event(event)
        if isinstance(event, RunStarted):
            self._forget()
            self._elapsed_s = 0.0
            # A run that goes on has what it learned before; stopped at once, it will save nothing new.
            run_dir = self._session.run_dir
            self._has_weights = run_dir is not None and (run_dir / "weights.safetensors").exists()
        elif isinstance(event, CheckpointSaved):
            self._has_weights = True
        elif isinstance(event, StepDone):
            self._age_s += max(event.elapsed_s - self._elapsed_s, 0.0)
            self._elapsed_s = event.elapsed_s
            return  # too often to look at the buttons
        elif isinstance(event, ClassesRemade | RunEnded):
            self._age_s = _FRESH_S
        self._enable()

    def close_down(self) -> None:
        """Compare nothing any more."""
        self._forget()

    def _lay_out(self) -> None:
        label = QLabel("Suggest groups")
        self.slider.setInvertedAppearance(True)  # from all classes on the left to a few groups on the right
        self.slider.setInvertedControls(True)
        self.slider.setPageStep(1)
        self.slider.setMinimumWidth(60)
        self.slider.setAccessibleName("Suggest groups")
        why = "Shows classes as one that look alike and are followed by the same classes in the next section"
        for widget in (label, self.slider, self.figure):
            widget.setToolTip(f"{why}.\nLocked classes stay out. Nothing is merged before you press Apply.")
        self.apply_button.setToolTip("Merge the classes as shown; one Undo takes it back")
        self.figure.setMinimumWidth(self.figure.fontMetrics().horizontalAdvance("20 groups"))
        self.figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(label)
        row.addWidget(self.slider, 1)
        row.addWidget(self.figure)
        row.addWidget(self.apply_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.split_notice)
        column.addLayout(row)

    def _on_moved(self, n_groups: int) -> None:
        if n_groups == self.slider.maximum():
            self._decisions.preview(None)
        elif self._relations is None or (self._age_s >= _FRESH_S and not self._decisions.is_previewing):
            self._begin()
        else:
            self._preview()
        self._enable()

    def _preview(self) -> None:
        decided = self._decisions.class_map
        if self._relations is None or decided is None or self._relations.n_classes != decided.n_classes:
            return
        if self._tree is None:
            self._tree = MergeTree.of_rows(self._relations, decided)
        groups = self._tree.cut(self.slider.value())
        self._decisions.preview(with_groups(decided, groups, self._relations.sizes.tolist()))

    def _apply(self) -> None:
        shown = self._decisions.shown
        if shown is not None:
            self._decisions.do(shown)
            self._session.said.emit(f"Merged into {len(shown.rows())} rows; one Undo takes it back.", False)

    def _begin(self) -> None:
        run_dir, volume = self._session.run_dir, self._session.volume
        if self._worker is not None or run_dir is None or volume is None:
            return
        self._worker = TaskWorker(partial(self._compare, run_dir, volume))
        self._worker.progressed.connect(self._on_progressed)
        self._worker.returned.connect(self._on_compared)
        self._worker.errored.connect(self._on_errored)
        self._on_progressed(0.0)
        self._session.said.emit("Comparing the classes on some sections; the groups show in a moment.", False)
        self._worker.start()

    def _on_progressed(self, fraction: float) -> None:
        self.figure.setText(f"{100 * fraction:.0f} %")

    def _on_compared(self, relations: ClassRelations | None) -> None:
        self._worker = self._tree = None
        self._relations, self._age_s = relations, 0.0
        if self.slider.value() < self.slider.maximum():
            self._preview()
            self._session.said.emit("Shown, but not merged yet: press Apply, or move the slider on.", False)
        self._enable()

    def _on_errored(self, error: Exception) -> None:
        self._worker = None
        self._on_decided(self._decisions.class_map)
        self._session.said.emit(sentence_for(error), True)

    def _on_volume(self, _: Volume | None) -> None:
        self._forget()
        self._has_weights = False
        self._enable()

    def _on_decided(self, class_map: ClassMap | None) -> None:
        """Begin again from all rows: what was previewed has been decided, or something else was."""
        self._tree = None
        n_rows = _n_mergeable(class_map) if class_map is not None else 0
        self.slider.blockSignals(True)
        self.slider.setRange(LEAST_GROUPS, max(n_rows, LEAST_GROUPS))
        self.slider.setValue(self.slider.maximum())
        self.slider.blockSignals(False)
        self._enable()

    def _forget(self) -> None:
        self._relations = self._tree = None
        if self._worker is not None:
            for signal in (self._worker.progressed, self._worker.returned, self._worker.errored):
                signal.disconnect()
            self._worker.quit()
            self._worker = None

    def _enable(self) -> None:
        self.slider.setEnabled(self._has_weights and self.slider.maximum() > LEAST_GROUPS)
        self.apply_button.setEnabled(self._decisions.is_previewing)
        if self._worker is None:
            n_groups = self.slider.value()
            self.figure.setText(f"{n_groups} groups" if n_groups < self.slider.maximum() else "")


def _n_mergeable(class_map: ClassMap) -> int:
    """Return how many groups the classes make now, as the merge tree counts: a split class is one of them."""
    whole = [group.members for group in class_map.groups if group.members[-1] <= class_map.n_classes]
    return class_map.n_classes - sum(len(members) - 1 for members in whole)
