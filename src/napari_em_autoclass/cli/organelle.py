"""``em-autoclass score --organelle``: one structure of the labels against the rest; and what labels mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.limits import json_of

if TYPE_CHECKING:
    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["label_names", "names_file", "organelle_figures"]


def organelle_figures(
    classes: str, labels: str, organelle: str, class_ids: tuple[int, ...] | None, border: int
) -> dict[str, Any]:
    """Return precision, recall, F1 and Jaccard of one structure, and the classes it was scored with.

    Parameters
    ----------
    classes : a class map
    labels : on the same grid; or a store of ASEM's layout, whose labels may cover a part of the grid
    organelle : its number in the labels, its name where the labels tell names, or that of an array of the store
    class_ids : the classes that mean it; None chooses them on the first half of the sections
    border : voxels on both sides of its border that are left out

    Raises
    ------
    InputError
        If a file can't be read, they don't fit, or there is no such structure.
    """
    from napari_em_autoclass.core.scores.organelle import count_organelle, score_organelle
    from napari_em_autoclass.io.class_map_file import read_class_map

    at, label_id = _found(Path(labels), organelle)
    truth, told = read_class_map(at)
    found, told_of_classes = read_class_map(classes)
    size = told.voxel_size_nm or told_of_classes.voxel_size_nm or (1.0, 1.0, 1.0)
    if label_id is None:
        label_id = _number_of(organelle, {**told.names, **label_names(Path(labels))})
    counts = count_organelle(_cut_to(found, truth, at), truth, label_id, border, size)
    figures = score_organelle(counts, class_ids)
    return {**figures, "classes": ",".join(str(k) for k in figures["classes"])}


def names_file(labels: Path) -> Path:
    """Return the file that tells what labels mean: X.json for X_labels.*."""
    return labels.with_name(labels.name.split("_labels.")[0].removesuffix(".npz") + ".json")


def label_names(labels: Path) -> dict[int, str]:
    """Return what the labels mean, as `names_file` tells; nothing where there is none.

    Raises
    ------
    InputError
        If the file is there but damaged.
    """
    side = names_file(labels)
    if not side.is_file():
        return {}
    try:
        return {int(label): str(name) for label, name in json_of(side).get("classes", {}).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{side}: can't be read as names of the labels ({error}); mend or remove it") from error


def _found(labels: Path, organelle: str) -> tuple[Path, int | None]:
    """Return the array of an organelle in a store of ASEM's layout, where it is 1; else the labels as they are."""
    from napari_em_autoclass.io import asem

    names = asem.label_names(labels) if labels.is_dir() else ()
    if organelle in names:
        return labels / asem.LABELS / organelle, 1
    if names:
        raise InputError(f"{labels.name}: has labels of {', '.join(names)}, and none of {organelle!r}")
    return labels, None


def _number_of(organelle: str, names: dict[int, str]) -> int:
    if organelle.isdecimal():
        return int(organelle)
    known = {name: label for label, name in names.items()}
    if organelle not in known:
        listed = f"; known are {', '.join(known)}" if known else ", and the labels tell no names"
        raise InputError(f"no structure {organelle!r}{listed}; give its name or its number in the labels")
    return known[organelle]


def _cut_to(classes: ArrayLike, truth: ArrayLike, at: Path) -> ArrayLike:
    """Return the part of a class map that labels of a store cover, if they cover a part only."""
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io import asem

    box = asem.box_in_raw(at) if tuple(classes.shape) != tuple(truth.shape) else None
    whole = Volume(classes, (1.0, 1.0, 1.0), "class map")
    return classes if box is None or box.clipped(whole.shape_zyx) != box else whole.crop(box).data
