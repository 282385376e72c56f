"""What the user decided about the classes, undoable, and kept in the run folder.

Every edit is saved by itself, a moment later.  Where that fails it is said, and tried again until it succeeds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from qtpy.QtCore import QObject, QTimer, Signal
from superqt.utils import qdebounced

from napari_em_autoclass.core.class_file import ChangedElsewhere
from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.errors import InputError

__all__ = ["Decisions"]

_log = logging.getLogger(__name__)

_SAVE_AFTER_MS = 250
_AGAIN_AFTER_MS = 10_000


class Decisions(QObject):
    """The history of a ClassMap; `changed` follows every edit, undo and redo, `previewed` what is only shown.

    Parameters
    ----------
    save : called with the history, a moment after the last of several quick edits; returns it as it is on disk now
    """

    changed = Signal(object)  # ClassMap
    previewed = Signal(object)  # ClassMap
    said = Signal(str, bool)  # one sentence, whether it is an error

    def __init__(self, save: Callable[[History], History | None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._save = save
        self._unsaved = self._is_failing = False
        self._history: History | None = None
        self._preview: ClassMap | None = None
        self._save_soon = qdebounced(self.save_now, timeout=_SAVE_AFTER_MS)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(_AGAIN_AFTER_MS)
        self._again.timeout.connect(self.save_now)

    @property
    def history(self) -> History | None:
        """The history, None before the first run."""
        return self._history

    @property
    def class_map(self) -> ClassMap | None:
        """What was decided, None before the first run."""
        return self._history.present if self._history else None

    @property
    def shown(self) -> ClassMap | None:
        """What shows now: a preview, or what was decided."""
        return self._preview or self.class_map

    @property
    def is_previewing(self) -> bool:
        """Whether something else shows than what was decided."""
        return self._preview is not None

    def begin(self, history: History) -> None:
        """Take the decisions of another run; they are not saved again before an edit.

        Those that are here already, of before there was a run to save them in, are still to be saved.
        """
        self.save_now()
        self._unsaved = self._unsaved and history is self._history
        self._history, self._preview = history, None
        self.changed.emit(history.present)

    def preview(self, class_map: ClassMap | None) -> None:
        """Show `class_map` without deciding it, until the next decision; None shows what was decided."""
        decided = self.class_map
        if class_map == decided:
            class_map = None
        if decided is not None and class_map != self._preview:
            self._preview = class_map
            self.previewed.emit(class_map or decided)

    def do(self, class_map: ClassMap) -> None:
        """Make `class_map` the present, unless nothing is different."""
        if self._history is not None and class_map != self._history.present:
            self._turn_to(self._history.do(class_map))

    def undo(self) -> None:
        """Take the last decision back."""
        if self._history is not None and self._history.can_undo:
            self._turn_to(self._history.undo())

    def redo(self) -> None:
        """Do again what was undone."""
        if self._history is not None and self._history.can_redo:
            self._turn_to(self._history.redo())

    def save_now(self) -> None:
        """Save what was not saved yet."""
        if not self._unsaved or self._history is None:
            return
        try:
            saved = self._save(self._history)
        except ChangedElsewhere as error:
            self._put_on_top(error.theirs)
            return
        except (InputError, OSError) as error:
            if not self._is_failing:
                _log.error("names and merges could not be saved", exc_info=error)
                self.said.emit(f"Names and merges are not saved: {error}. It is tried again and again.", True)
            self._is_failing = True
            self._again.start()
            return
        if saved is None:
            return  # there is no run yet
        self._history = replace(self._history, revision=saved.revision)
        self._unsaved = self._is_failing = False
        self._again.stop()

    def close(self) -> None:
        """Save, and let nothing happen later."""
        self._save_soon.cancel()
        self.save_now()
        self._again.stop()

    def _put_on_top(self, theirs: History) -> None:
        """Save after another program did: what shows here stays, and theirs is one undo away."""
        assert self._history is not None
        self._history, self._preview = self._history.on_top_of(theirs), None
        self.said.emit(
            "Another program changed the classes of this run too. Yours show; theirs come back by Undo.", False
        )
        self.save_now()
        self.changed.emit(self._history.present)

    def _turn_to(self, history: History) -> None:
        self._history, self._preview = history, None
        self._unsaved = True
        self.changed.emit(history.present)
        self._save_soon()
