"""Where decisions about classes are kept: in the folder of the run they were made for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_em_autoclass.core.class_map import History
from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder

__all__ = ["save_decisions"]


def save_decisions(run_dir: Path | None, history: History, say: Callable[[str, bool], object]) -> History | None:
    """Save `history` in a run folder and return it as it is on disk now; None where there is no run yet.

    `say` is told, as an error, when a damaged file of decisions was put aside.

    Raises
    ------
    InputError
        If the run can't be read, or another program changed its classes meanwhile.
    OSError
        If the file can't be written.
    """
    if run_dir is None or not (history.revision or (run_dir / "run.json").exists()):
        return None
    from napari_em_autoclass.core.checkpoint import RunFolder

    folder = RunFolder.open(run_dir)
    if (saved := _saved(folder, history)) is not None:
        return saved
    if mended := folder.mend_history():
        say(mended, True)
    return folder.save_history(history)


def _saved(folder: RunFolder, history: History) -> History | None:
    """Return what was saved, None where no file of this run can be read: to look first takes as long as saving."""
    from napari_em_autoclass.core.class_file import CLASSES_NAME, ChangedElsewhere

    if not (folder.path / CLASSES_NAME).exists():
        return None
    try:
        return folder.save_history(history)
    except ChangedElsewhere:
        raise
    except InputError:
        return None
