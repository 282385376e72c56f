"""What can be done to the selected classes: each is one decision, and can be undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_em_autoclass.core.class_groups import take_out
from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_splits import checked_to_split, with_split, without_split
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.decisions import Decisions
from napari_em_autoclass.gui.session import Session, sentence_for
from napari_em_autoclass.gui.worker import Report, TaskWorker

__all__ = ["ClassEdits", "find_parts_of_run"]

FindParts = Callable[[Path, Volume, tuple[int, int], ViewRequest | None, Report], FoundParts]


def find_parts_of_run(
    run_dir: Path, volume: Volume, class_and_parts: tuple[int, int], view: ViewRequest | None, report: Report
) -> FoundParts:
    """Return the parts of a class of a run, as last saved; slow, for another thread.

    Raises
    ------
    InputError
        If the run or the stack can't be read, or the class is too rare.
    """
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.splitting import find_parts

    return find_parts(RunFolder.open(run_dir).model(), volume, class_and_parts, view, report)


class ClassEdits(QObject):
    """Turns wishes about rows into decisions; what is refused is one sentence in the dock.

    Parameters
    ----------
    session, decisions : of the dock
    find : finds the parts of a class; called in another thread
    """

    split_begun = Signal(int)  # the class that is being split, 0 when that has ended

    def __init__(
        self,
        session: Session,
        decisions: Decisions,
        find: FindParts = find_parts_of_run,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._decisions, self._find = session, decisions, find
        self._worker: TaskWorker | None = None

    @property
    def is_splitting(self) -> bool:
        """Whether the parts of a class are being looked for."""
        return self._worker is not None

    def change(self, change: Callable[[ClassMap], ClassMap]) -> None:
        """Decide for what `change` makes of the classes as they show."""
        class_map = self._decisions.shown  # whoever edits what is only previewed has decided for it
        if class_map is None:
            return
        try:
            self._decisions.do(change(class_map))
        except InputError as error:
            self._session.said.emit(str(error), True)

    def take_apart(self, ids: tuple[int, ...]) -> None:
        """Take the last merge of each group back, and show split classes whole again."""

        def apart(class_map: ClassMap) -> ClassMap:
            for row in ids:
                if row not in class_map.ids:
                    continue  # its sister was selected too, and the split is gone already
                if len(class_map.members(row)) > 1:
                    class_map = class_map.unmerge(row)
                elif class_map.split_of(row):
                    class_map = without_split(class_map, row)
            return class_map

        self.change(apart)

    def take_out(self, ids: tuple[int, ...]) -> None:
        """Take single classes out of their groups."""
        self.change(lambda c: take_out(c, ids))

    def toggle_eyes(self, ids: tuple[int, ...]) -> None:
        """Hide the classes if all of them show, else show them."""
        self.change(lambda c: c.with_visible(ids, not all(c.is_visible(i) for i in ids)))

    def solo(self, ids: tuple[int, ...]) -> None:
        """Show these classes and no other; all, if that is so already."""

        def alone(class_map: ClassMap) -> ClassMap:
            rows = class_map.rows()
            is_alone = {row for row in rows if class_map.is_visible(row)} == set(ids)
            return class_map.with_visible(rows, is_alone).with_visible(ids, True)

        self.change(alone)

    def toggle_locks(self, ids: tuple[int, ...]) -> None:
        """Lock the classes, or unlock them if all are."""
        self.change(lambda c: c.lock(ids, not all(c.locked.intersection(c.members(i)) for i in ids)))

    def toggle_ignored(self, ids: tuple[int, ...]) -> None:
        """Mark the classes as of no interest, or of interest again if all were."""
        self.change(lambda c: c.ignore(ids, not all(c.ignored.intersection(c.members(i)) for i in ids)))

    def split(self, class_id: int, n_parts: int) -> None:
        """Look for the parts of a class in another thread, in what is in view first, then show them in its place."""
        run_dir, volume, class_map = self._session.run_dir, self._session.volume, self._decisions.class_map
        if self._worker is not None or run_dir is None or volume is None or class_map is None:
            return
        try:
            checked_to_split(class_map, class_id)
        except InputError as error:
            self._session.said.emit(str(error), True)
            return
        self._worker = TaskWorker(partial(self._find, run_dir, volume, (class_id, n_parts), self._session.view))
        self._worker.returned.connect(self._on_found)
        self._worker.errored.connect(self._on_errored)
        self._session.said.emit(f"Looking for {n_parts} parts of {class_map.name_of(class_id)}.", False)
        self.split_begun.emit(class_id)
        self._worker.start()

    def close_down(self) -> None:
        """Look for nothing any more."""
        if self._worker is not None:
            self._worker.drop()
            self._worker = None

    def _on_found(self, found: FoundParts | None) -> None:
        self._worker = None
        self.split_begun.emit(0)
        class_map = self._decisions.class_map
        if found is None or class_map is None:
            return
        self.change(lambda c: with_split(c, found))
        changed = self._decisions.class_map
        if changed is not None and changed != class_map:
            split = changed.split_of(found.class_id)
            names = ", ".join(changed.name_of(i) for i in split.ids) if split else ""
            whole = class_map.name_of(found.class_id)
            self._session.said.emit(f"{whole} is split: {names}. Undo shows it whole.", False)

    def _on_errored(self, error: Exception) -> None:
        self._worker = None
        self.split_begun.emit(0)
        self._session.said.emit(sentence_for(error), True)
