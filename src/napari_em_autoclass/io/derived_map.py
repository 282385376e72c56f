"""Class maps made from others: taught by painting, or refined; read with what the file tells, and written back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr

from napari_em_autoclass import __version__
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.palette import MAX_CLASSES, default_colors
from napari_em_autoclass.core.scores.stream import iter_blocks, open_ids, read_ids
from napari_em_autoclass.io import zarr_store
from napari_em_autoclass.io.class_map_file import ClassMapInfo, read_class_map
from napari_em_autoclass.io.class_map_target import ClassMapTarget
from napari_em_autoclass.io.export_tiff import write_class_map_tiff
from napari_em_autoclass.io.export_zarr import probabilities_path, write_class_map_zarr
from napari_em_autoclass.io.run_export import run_facts
from napari_em_autoclass.io.stack_file import is_tiff_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.probe import Probe
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.class_map_target import Block

__all__ = ["SourceMap", "open_source_map", "probe_target", "write_map"]


@dataclass(frozen=True, slots=True)
class SourceMap:
    """A class map on disk that is to be refined.

    Parameters
    ----------
    path : where it is
    classes : lazy, ids 0..K
    n_classes : K
    voxel_size_nm : (z, y, x)
    info : what the file tells besides
    probabilities : (K, Z, Y, X) uint8, lazy, where they lie beside it
    """

    path: str
    classes: Volume
    n_classes: int
    voxel_size_nm: tuple[float, float, float]
    info: ClassMapInfo
    probabilities: zarr.Array[Any] | None

    def target(self, step: str, **details: Any) -> ClassMapTarget:
        """Return grid, names, colours and provenance of what becomes of it in a step."""
        made = {"program": f"napari-em-autoclass {__version__}", "step": step, "from": self.path, **details}
        return ClassMapTarget(
            self.classes.shape_zyx,
            self.voxel_size_nm,
            self.n_classes,
            names=self.info.names,
            colors=self.info.colors,
            provenance={**self.info.provenance, "refined": [*self.info.provenance.get("refined", []), made]},
            name=f"{self.classes.name} {step}",
        )


def open_source_map(path: str, voxel_size_nm: tuple[float, float, float] | None = None) -> SourceMap:
    """Open a class map, with the probabilities beside it if `em-autoclass predict --probabilities` wrote some.

    Probabilities of single classes say nothing of merged ones, so beside a map written with --merged they are left out.

    Parameters
    ----------
    path : of any format that `read_class_map` takes
    voxel_size_nm : (z, y, x); stands above the file's

    Raises
    ------
    InputError
        If it can't be read, holds no class or too many, or its voxel size isn't known.
    """
    data, info = read_class_map(path)
    name = Path(path).name
    size = voxel_size_nm or info.voxel_size_nm
    if size is None:
        raise InputError(f"{name}: the file doesn't say the voxel size; pass --voxel-size Z Y X in nm")
    classes = open_ids(data, name)
    n_classes = info.n_classes or _largest_id(classes)
    if not 1 <= n_classes <= MAX_CLASSES:
        raise InputError(f"{name}: its largest id is {n_classes}; a class map has classes from 1 to {MAX_CLASSES}")
    beside = None if info.provenance.get("merged") else _probabilities(Path(path), (n_classes, *classes.shape_zyx))
    return SourceMap(path, classes, n_classes, size, info, beside)


def probe_target(folder: RunFolder, probe: Probe, volume: Volume) -> ClassMapTarget:
    """Return what is written of a map that a probe makes of `volume`."""
    n = probe.ids[-1]
    colors = default_colors(n)
    return ClassMapTarget(
        volume.shape_zyx,
        volume.voxel_size_nm,
        n,
        names={kind: probe.names.get(kind, f"kind {kind}") for kind in probe.ids},
        colors={kind: colors[kind - 1] for kind in probe.ids},
        provenance={
            "program": f"napari-em-autoclass {__version__}",
            "volume": volume.source or volume.name,
            "probe": probe.facts,
            "run": run_facts(folder),
        },
        name=f"{volume.name} taught",
    )


def write_map(path: Path, blocks: Iterable[Block], target: ClassMapTarget, overwrite: bool = False) -> Path:
    """Write `blocks` as TIFF or OME-Zarr, by the name of `path`; nothing is left there if it fails.

    Raises
    ------
    InputError
        If the file exists and is not to be overwritten, or can't be written.
    """
    write = write_class_map_tiff if is_tiff_name(path) else write_class_map_zarr
    return write(path, blocks, target, overwrite)


def _probabilities(path: Path, shape: tuple[int, ...]) -> zarr.Array[Any] | None:
    """Return the probabilities beside a class map, None where there are none of its shape."""
    at = probabilities_path(path)
    if not (at.is_dir() and zarr_store.is_zarr(at)):
        return None
    group = zarr_store.open_node(at)
    array = group.get("0") if isinstance(group, zarr.Group) else None
    return array if isinstance(array, zarr.Array) and array.shape == shape else None


def _largest_id(classes: Volume) -> int:
    return max(int(read_ids(classes, box, 2**62).max()) for box in iter_blocks(classes.shape_zyx))
