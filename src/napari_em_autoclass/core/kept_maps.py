"""Class maps of a section that somebody kept by name, beside the run they are of: ``snapshot/kept-*.npz``."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import SnapshotTaken, ViewRequest
from napari_em_autoclass.core.limits import arrays_of
from napari_em_autoclass.core.run_files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["KeptMap", "changed_share", "forget_map", "keep_map", "kept_maps", "read_map", "read_snapshot"]

_DAMAGE = (OSError, ValueError, TypeError, OverflowError)
_MAX_ABOUT_BYTES = 2**20
_ABOUT = ("name", "step", "corner_zyx")


@dataclass(frozen=True, slots=True)
class KeptMap:
    """What a kept map is, without its pixels: its file, its name, the step it is of, and where it lies.

    `corner_zyx` are section, top row and left column, in voxels.
    """

    path: Path
    name: str
    step: int
    corner_zyx: tuple[int, int, int]


def keep_map(run_dir: Path, taken: SnapshotTaken, name: str) -> KeptMap:
    """Store a snapshot under a name, in the folder of its run.

    Raises
    ------
    InputError
        If the folder can't be written.
    """
    folder, view = run_dir / "snapshot", taken.view
    corner = (view.z, view.y0, view.x0)
    buffer = io.BytesIO()
    about: dict[str, Any] = {"name": np.array(name), "step": np.array(taken.step), "corner_zyx": np.array(corner)}
    np.savez_compressed(buffer, classes=taken.classes, confidence=taken.confidence, **about)
    try:
        folder.mkdir(exist_ok=True)
        number = 1
        while (path := folder / f"kept-{number:03}.npz").exists():
            number += 1
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise InputError(f"{name} could not be kept in {folder} ({error.strerror or error})") from error
    return KeptMap(path, name, taken.step, corner)


def kept_maps(run_dir: Path) -> list[KeptMap]:
    """Return the maps that were kept of a run, oldest first; files that can't be read are passed over."""
    found = []
    for path in sorted((run_dir / "snapshot").glob("kept-*.npz")):
        try:
            stored = arrays_of(path, _ABOUT, _MAX_ABOUT_BYTES)
            z, y0, x0 = (int(i) for i in stored["corner_zyx"])
            found.append(KeptMap(path, str(stored["name"]), int(stored["step"]), (z, y0, x0)))
        except _DAMAGE:
            continue
    return found


def read_map(kept: KeptMap) -> SnapshotTaken:
    """Return a kept map as the snapshot it was.

    Raises
    ------
    InputError
        If its file is gone or damaged.
    """
    try:
        stored = arrays_of(kept.path, ("classes", "confidence"))
        classes, confidence = stored["classes"], stored["confidence"]
        height, width = classes.shape
    except _DAMAGE as error:
        raise InputError(f"the map {kept.name} can't be read any more ({kept.path})") from error
    z, y0, x0 = kept.corner_zyx
    view = ViewRequest(z, y0, y0 + height, x0, x0 + width)
    return SnapshotTaken("kept", kept.step, "learning", view, classes, confidence)


def read_snapshot(run_dir: Path) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return where the section lies that a run classified last (z, y, x), and its classes (h, w).

    Raises
    ------
    OSError
        If there is none, or it can't be read.
    ValueError
        If it is damaged.
    """
    stored = arrays_of(run_dir / "snapshot" / "latest.npz", ("corner_zyx", "classes"))
    corner, classes = stored["corner_zyx"], stored["classes"]
    if corner.shape != (3,) or corner.dtype.kind not in "iu" or classes.ndim != 2 or classes.dtype != np.uint8:
        raise ValueError("it is no class map of a section")
    return corner.astype(np.int64), classes


def forget_map(kept: KeptMap) -> None:
    """Delete a kept map.

    Raises
    ------
    InputError
        If it can't be deleted.
    """
    try:
        kept.path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{kept.path} can't be deleted ({error.strerror or error})") from error


def changed_share(one: SnapshotTaken, other: SnapshotTaken, lookup: NDArray[np.uint8]) -> float | None:
    """Return the share of pixels that two maps show differently, where both show something; None if nowhere.

    Parameters
    ----------
    lookup : (256,) from class id to the id it is shown as, so that merged classes are one
    """
    a, b = one.view, other.view
    y0, y1, x0, x1 = max(a.y0, b.y0), min(a.y1, b.y1), max(a.x0, b.x0), min(a.x1, b.x1)
    if a.z != b.z or y0 >= y1 or x0 >= x1:
        return None
    first = one.classes[y0 - a.y0 : y1 - a.y0, x0 - a.x0 : x1 - a.x0]
    second = other.classes[y0 - b.y0 : y1 - b.y0, x0 - b.x0 : x1 - b.x0]
    known = (first > 0) & (second > 0)
    n_known = int(known.sum())
    return int(((lookup[first] != lookup[second]) & known).sum()) / n_known if n_known else None
