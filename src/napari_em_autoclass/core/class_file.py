"""``classes.json`` of a run: read, saved without losing what another program saved, and mended when damaged.

Anybody may edit the classes of a run, also while it trains: the dock, the command line, on this machine or another.  So
the file carries a revision, one more with each save.  Whoever saves says which revision the edit was made on; if the
file has another by now, nothing is written, and the one who edited decides.  The version before the last save is kept
as ``classes.previous.json``.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.history import History
from napari_em_autoclass.core.limits import MAX_CLASSES_BYTES
from napari_em_autoclass.core.run_files import put_aside, read_json, write_atomically
from napari_em_autoclass.core.run_lock import locked_briefly

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CLASSES_NAME", "ChangedElsewhere", "mend_history", "read_history", "save_history"]

CLASSES_NAME: Final = "classes.json"
_PREVIOUS: Final = "classes.previous.json"
_LOCK: Final = "classes.lock"


class ChangedElsewhere(InputError):
    """Another program saved its own edits since these were read; `theirs` is what it saved."""

    def __init__(self, run: Path, theirs: History) -> None:
        super().__init__(f"the classes of {run} were changed by another program in the meantime; try again")
        self.theirs = theirs


def read_history(run: Path) -> History:
    """Return names, colours and merges with their history.

    Raises
    ------
    InputError
        If they are missing or damaged.
    """
    path = run / CLASSES_NAME
    mend = f"`em-autoclass classes {run}` brings back the last good ones, or fresh names"
    try:
        return History.from_json(read_json(path, f"{path} is missing or damaged", MAX_CLASSES_BYTES))
    except InputError as error:
        raise InputError(f"{str(error).removesuffix('; restore it')}; {mend}") from error


def save_history(run: Path, history: History) -> History:
    """Replace the file by `history`, and return it with the revision that it has there.

    Raises
    ------
    ChangedElsewhere
        If the file is no longer the one that the history was read from.
    InputError
        If the file is damaged, or of another run; see `mend_history`.
    """
    path = run / CLASSES_NAME
    if not path.exists():
        write_atomically(path, _content(history))
        return history
    with locked_briefly(run / _LOCK):
        before = read_history(run)
        if before.present.n_classes != history.present.n_classes:
            raise InputError(f"{path} is damaged: it is of another run; restore it")
        if before.revision != history.revision:
            raise ChangedElsewhere(run, before)
        saved = replace(history, revision=history.revision + 1)
        with suppress(OSError):  # the copy is a comfort, the save is not
            write_atomically(run / _PREVIOUS, path.read_bytes())
        write_atomically(path, _content(saved))
    return saved


def mend_history(run: Path, n_classes: int) -> str:
    """Put the last good names, else fresh ones, where there are none that can be read.

    The damaged file is kept under another name.

    Returns
    -------
    str
        What was done, in one sentence; empty where nothing was wrong.
    """
    path = run / CLASSES_NAME
    try:
        if read_history(run).present.n_classes == n_classes:
            return ""
        was = "was of another run"
    except InputError:
        was = "was damaged" if path.exists() else "was missing"
    kept = f"; what was there is kept as {put_aside(path).name}" if path.exists() else ""
    try:
        history = History.from_json(read_json(run / _PREVIOUS, "none", MAX_CLASSES_BYTES))
        told = "names and merges are those before the last edit"
    except InputError:
        history, told = History.of(ClassMap.fresh(n_classes)), "all classes have fresh names"
    if history.present.n_classes != n_classes:
        history, told = History.of(ClassMap.fresh(n_classes)), "all classes have fresh names"
    write_atomically(path, _content(history))
    return f"{CLASSES_NAME} {was}: {told}{kept}."


def _content(history: History, most_bytes: int = MAX_CLASSES_BYTES) -> bytes:
    """Return the file's content; of a history that is too long for it the older half of what can be undone is left."""
    content = _text(history).encode()
    while len(content) > most_bytes and (history.past or history.future):
        history = replace(history, past=history.past[(len(history.past) + 1) // 2 :], future=())
        content = _text(history).encode()
    return content


def _text(history: History) -> str:
    """Return JSON with a step a line.  Told to indent, `json` takes ten times as long, and the dock waits for it."""

    def lines(value: object) -> str:
        if isinstance(value, list) and value:
            return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"
        return json.dumps(value)

    return "{\n" + ",\n".join(f"{json.dumps(key)}: {lines(value)}" for key, value in history.to_json().items()) + "\n}"
