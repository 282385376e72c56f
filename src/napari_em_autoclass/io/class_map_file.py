"""Class maps read back: ours with names and colours, and those of other programs."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import tifffile
import zarr

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.core.limits import arrays_of, parsed_json
from napari_em_autoclass.core.palette import MAX_CLASSES
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io import precomputed, tiff, zarr_store
from napari_em_autoclass.io.export_zarr import PROJECT_KEY
from napari_em_autoclass.io.ome_zarr import ome_attributes
from napari_em_autoclass.io.readers import open_volume
from napari_em_autoclass.io.segment_properties import read_particulars

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["ClassMapInfo", "read_class_map"]


@dataclass(frozen=True, slots=True)
class ClassMapInfo:
    """What a file tells of its class map besides the voxels.

    Parameters
    ----------
    voxel_size_nm : (z, y, x) in nm; None where the file doesn't tell
    names : name by id, as far as known
    colors : ``#rrggbb`` by id, as far as known
    n_classes : K; None in maps of other programs
    provenance : how the map came about; empty in maps of other programs
    """

    voxel_size_nm: tuple[float, float, float] | None = None
    names: dict[int, str] = field(default_factory=dict)
    colors: dict[int, str] = field(default_factory=dict)
    n_classes: int | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def read_class_map(path: str | os.PathLike[str]) -> tuple[ArrayLike, ClassMapInfo]:
    """Return a class map or label stack as a lazy array (Z, Y, X) of integers, and what the file tells of it.

    Takes every format of `open_volume`, and ``.npz`` (the array ``classes`` or ``labels``, else the first; held in
    memory). A Zarr group with an array ``"0"`` is read at ``"0"``.

    Raises
    ------
    InputError
        If the file can't be read, or doesn't hold integers.
    """
    text, at = os.fspath(path), Path(path).expanduser()
    if at.suffix.lower() == ".npz" and at.is_file():
        volume, size = _read_npz(at), None
    else:
        volume, size = _read_lazily(text, "0" if _has_level_0(at) else None)
    if volume.dtype.kind not in "iub":
        raise InputError(f"{at.name}: holds {volume.dtype} values; a class map has integers")
    return volume.data, _info(at, size)


def _read_lazily(text: str, dataset: str | None) -> tuple[Volume, tuple[float, float, float] | None]:
    try:
        volume = open_volume(text, dataset=dataset)
    except MissingVoxelSize:
        return open_volume(text, dataset=dataset, voxel_size_nm=(1.0, 1.0, 1.0)), None
    return volume, volume.voxel_size_nm


def _read_npz(at: Path) -> Volume:
    try:
        archive = arrays_of(at, ())
        data = next(archive[name] for name in ("classes", "labels", *archive) if name in archive)
    except Exception as error:
        # An archive fails as a zip file, an array or a pickle; to the user it is damaged.
        raise InputError(f"{at.name}: can't be read ({type(error).__name__}); the file may be damaged") from error
    return Volume(data, (1.0, 1.0, 1.0), at.name)


def _has_level_0(at: Path) -> bool:
    """Tell whether `at` is a plain Zarr group with an array "0": a pyramid without the metadata of one."""
    return (
        at.is_dir()
        and zarr_store.is_zarr(at)
        and isinstance(group := zarr_store.open_node(at), zarr.Group)
        and "multiscales" not in ome_attributes(group)
        and isinstance(group.get("0"), zarr.Array)
    )


def _info(at: Path, size: tuple[float, float, float] | None) -> ClassMapInfo:
    if at.is_dir() and zarr_store.is_zarr(at):
        return _zarr_info(dict(zarr_store.open_node(at).attrs), size)
    if at.is_dir() and precomputed.can_read(at):
        return _info_of(size, *read_particulars(at))
    if tiff.can_read(at):
        return _tiff_info(at, size)
    return ClassMapInfo(size)


def _zarr_info(attributes: dict[str, Any], size: tuple[float, float, float] | None) -> ClassMapInfo:
    label = _table(_table(attributes.get("ome", attributes)).get("image-label"))
    names = _labelled(label.get("properties"), lambda each: str(each["name"]))
    colors = _labelled(label.get("colors"), lambda each: "#{:02x}{:02x}{:02x}".format(*each["rgba"][:3]))
    return _info_of(size, names, colors, attributes.get(PROJECT_KEY))


def _tiff_info(at: Path, size: tuple[float, float, float] | None) -> ClassMapInfo:
    with tifffile.TiffFile(at) as file:
        xml = file.ome_metadata
    try:
        comments = ElementTree.fromstring(xml).iterfind(".//{*}CommentAnnotation") if xml else ()
        texts = [note.findtext("{*}Value") or "" for note in comments if note.get("Namespace") == PROJECT_KEY]
        project = _table(parsed_json(texts[0])) if texts else {}
    except (ValueError, ElementTree.ParseError):  # the map is readable without
        project = {}
    listed = {
        key: [{"label-value": i, "told": told} for i, told in _table(project.get(key)).items()]
        for key in ("names", "colors")
    }
    names, colors = (_labelled(listed[key], lambda each: str(each["told"])) for key in ("names", "colors"))
    return _info_of(size, names, colors, project)


def _info_of(
    size: tuple[float, float, float] | None, names: dict[int, str], colors: dict[int, str], stored: Any
) -> ClassMapInfo:
    project = _table(stored)
    n_classes = project.get("n_classes")
    right_colors = {i: color for i, color in colors.items() if re.fullmatch("#[0-9a-fA-F]{6}", color)}
    is_known = isinstance(n_classes, int) and 1 <= n_classes <= MAX_CLASSES
    return ClassMapInfo(size, names, right_colors, n_classes if is_known else None, _table(project.get("provenance")))


def _labelled(listed: Any, told: Callable[[Any], str]) -> dict[int, str]:
    """Return what is told of each label, by its id; entries of other forms are passed over, whoever wrote them."""
    found = {}
    for each in listed if isinstance(listed, list) else ():
        with suppress(KeyError, TypeError, ValueError, IndexError, OverflowError):
            found[int(each["label-value"])] = told(each)
    return found


def _table(stored: Any) -> dict[str, Any]:
    return stored if isinstance(stored, dict) else {}
