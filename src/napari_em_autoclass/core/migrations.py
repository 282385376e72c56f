"""How files of older versions become files of the present one, so that old runs open for ever.

Each kind of file has a schema version and a table of steps: the function under 1 takes the content of version 1 and
returns that of version 2.  They work on plain tables, before any of our classes sees them, since those change.  A step
is never edited once it was released; a new version gets the next one, and a frozen run in ``tests/data/frozen_runs``.

A version goes up whenever a program of the version before could not read the file: a key that is new and required,
gone, or means something else.  What readers of old pass over, as in ``classes.json``, needs no new version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Step = Callable[[dict[str, Any]], dict[str, Any]]

__all__ = ["SCHEMA_VERSIONS", "STEPS", "migrated"]


def _run_of_one_volume(content: dict[str, Any]) -> dict[str, Any]:
    """Return a run of version 1 as one of version 2, which may have learned from further volumes."""
    return {**content, "more_volumes": []}


def _never_diverged(progress: dict[str, Any]) -> dict[str, Any]:
    """Return the progress of version 1 as of version 2, which counts how often the loss diverged."""
    return {**progress, "divergences": 0}


STEPS: Final[Mapping[str, Mapping[int, Step]]] = {
    "run": {1: _run_of_one_volume},
    "weights": {1: _never_diverged},
    "classes": {},
}
"""For each kind of file, how the content of a version becomes that of the next."""

SCHEMA_VERSIONS: Final[Mapping[str, int]] = {kind: max(steps, default=0) + 1 for kind, steps in STEPS.items()}
"""The version that this program writes."""


def migrated(kind: str, content: Any, what: str, steps: Mapping[str, Mapping[int, Step]] = STEPS) -> dict[str, Any]:
    """Return `content` of a file of this `kind` as the present version has it; `what` names the file.

    Raises
    ------
    InputError
        If it is of a newer version, or of none.
    """
    newest = max(steps[kind], default=0) + 1
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(f"{what} is damaged: it has schema {version!r}, which no version wrote; restore it")
    if version > newest:
        raise InputError(
            f"{what} has schema {version}, this version reads up to {newest}; update napari-em-autoclass to open it"
        )
    told: dict[str, Any] = content
    for step in range(version, newest):
        told = {**steps[kind][step](told), "schema_version": step + 1}
    return told
