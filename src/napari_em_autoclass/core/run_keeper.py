"""Keeps a run: on disk, as far as the disk plays along, and in memory the last state in which all was well.

A checkpoint that fails does not end the training: a full disk, or a share that is away, is said once, and the next
checkpoint tries again.  Only at the end, after some patience, is a run that can't be saved an error.
"""

from __future__ import annotations

import errno
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CheckpointSaved, Notice
from napari_em_autoclass.core.run_log import RunLog
from napari_em_autoclass.core.weights_file import PREVIOUS_NAME, Progress, newest_weights, read_weights, write_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.events import Event
    from napari_em_autoclass.core.learner import Learner
    from napari_em_autoclass.core.run_settings import RunSettings

    State = tuple[dict[str, Tensor], Progress]

__all__ = ["HOLD_EVERY", "RunKeeper"]

HOLD_EVERY: Final = 50
"""Steps between two states that a diverging run may go back to; by number, so that a resumed run has the same ones."""

_PATIENCE_S: Final = 600.0
_BETWEEN_TRIES_S: Final = 2.0

_ADVICE: Final = {
    errno.ENOSPC: "Free some space there.",
    errno.EDQUOT: "Free some space there.",
    errno.EACCES: "Make the folder writable.",
    errno.EPERM: "Make the folder writable.",
    errno.EROFS: "Make the folder writable.",
    errno.ENOENT: "Bring the folder back, or its disk.",
    errno.ESTALE: "Bring the folder back, or its disk.",
    errno.ENOTCONN: "Bring the folder back, or its disk.",
}


class RunKeeper:
    """What a trainer asks to keep its run.

    Parameters
    ----------
    run_id : for the events
    folder : of the run, locked; None keeps it in memory only
    settings : with which the run began, or was saved last
    """

    def __init__(self, run_id: str, folder: RunFolder | None, settings: RunSettings) -> None:
        self._run_id, self._folder = run_id, folder
        self.log = RunLog(folder, settings)
        self.trouble = ""
        self._saved: Progress | None = None
        self._good: State | None = None
        self._is_good_written = False

    @property
    def good(self) -> State:
        """The last state in which all was well."""
        assert self._good is not None, "hold() or take_up() comes first"
        return self._good

    def take_up(self) -> tuple[State | None, list[Event]]:
        """Return the newest state on disk, None if nothing was learned yet, and what is to be said about the run.

        Raises
        ------
        InputError
            If what is there is damaged.
        """
        assert self._folder is not None
        said = [self._folder.mend_history()]
        if not self._folder.has_weights:
            return None, self._notices(said)
        tensors, progress, damage = newest_weights(self._folder.path)
        self._good, self._is_good_written = (tensors, progress), True
        with suppress(InputError, OSError):
            before = read_weights(self._folder.path / PREVIOUS_NAME)
            self._good = before if before[1].step <= progress.step else self._good
        self._folder.cut_log(progress.step)
        return (tensors, progress), self._notices([damage, *said])

    def hold(self, state: State) -> None:
        """Take `state` for one in which all was well."""
        self._good, self._is_good_written = state, False

    def is_saved(self, progress: Progress) -> None:
        """Note that a run that goes on was saved at `progress`: there is nothing new yet."""
        self._saved = progress

    def go_back(self) -> State:
        """Forget the steps after the last good state, and return that."""
        tensors, progress = self.good
        self.log.cut(progress.step)
        return tensors, progress

    def save(self, learner: Learner, progress: Progress, settings: RunSettings) -> Iterator[Event]:
        """Store the run, if there is a folder and anything new; a disk that refuses is said, once.

        Yields
        ------
        Event
            `CheckpointSaved`, or a `Notice`.

        Raises
        ------
        InputError
            If another process took the run over.
        OSError
            If not even the first save succeeds: better now than after hours.
        """
        if self._folder is None or progress == self._saved:
            return
        try:
            self._write(learner, progress, settings)
        except OSError as error:
            if self._saved is None:
                raise
            if not self.trouble:
                yield from self._notices(
                    [f"The run could not be saved: {_told(error)} Learning goes on; it is tried again and again."]
                )
            self.trouble = _told(error)
            return
        if self.trouble:
            self.trouble = ""
            yield from self._notices(["The run could be saved again; nothing is missing."])
        yield CheckpointSaved(self._run_id, progress.step, str(self._folder.path))

    def save_at_last(
        self, learner: Learner, progress: Progress, settings: RunSettings, is_hurried: Callable[[], bool]
    ) -> Iterator[Event]:
        """Store the run that ends; a disk that refuses gets ten minutes, unless somebody `is_hurried`.

        Yields
        ------
        Event
            As `save` does.

        Raises
        ------
        InputError
            If it could not be stored.
        """
        yield from self.save(learner, progress, settings)
        give_up_at = time.perf_counter() + _PATIENCE_S
        if self.trouble and not is_hurried():
            waiting = f"Waiting {_PATIENCE_S / 60:.0f} min for it."
            yield from self._notices([f"The run is at its end, but not saved: {self.trouble} {waiting}"])
        while self.trouble and not is_hurried() and time.perf_counter() < give_up_at:
            time.sleep(_BETWEEN_TRIES_S)
            yield from self.save(learner, progress, settings)
        if self.trouble:
            raise self._lost()

    def save_now(self, learner: Learner, progress: Progress, settings: RunSettings) -> None:
        """Store the run whose events nobody wants to hear any more.

        Raises
        ------
        InputError
            If it could not be stored.
        """
        for _ in self.save(learner, progress, settings):
            pass
        if self.trouble:
            raise self._lost()

    def close(self) -> None:
        """Let others write into the folder."""
        if self._folder is not None:
            self._folder.release_lock()

    def _write(self, learner: Learner, progress: Progress, settings: RunSettings) -> None:
        assert self._folder is not None
        if self._folder.lock is not None:
            self._folder.lock.check()
        if self._folder.settings != settings:
            self._folder.save_settings(settings)
        # The log first: rows beyond the weights are cut off on resuming, missing rows could not be made up.
        self.log.write()
        # Then the state to go back to: a process killed between the two resumes from that one.
        if self._good is not None and not self._is_good_written:
            write_weights(self._folder.path / PREVIOUS_NAME, *self._good)
            self._is_good_written = True
        self._folder.save_weights(learner.tensors(), progress)
        self._saved = progress

    def _lost(self) -> InputError:
        kept = f"the state of step {self._saved.step if self._saved else 0}"
        path = self._folder.path if self._folder is not None else "?"
        return InputError(f"the run could not be saved to {path}: {self.trouble.rstrip('.')}; {kept} is kept there")

    def _notices(self, sentences: list[str]) -> list[Event]:
        return [Notice(self._run_id, sentence) for sentence in sentences if sentence]


def _told(error: OSError) -> str:
    reason = (error.strerror or str(error) or type(error).__name__).rstrip(".").lower()
    return f"{reason}. {_ADVICE.get(error.errno or 0, '')}".strip()
