"""Classify a whole volume with a finished run, block by block, and write the class map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.worker import Report

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.io.class_map_target import Block, ClassMapTarget

__all__ = ["ExportOrder", "command_line", "export"]


@dataclass(frozen=True)
class ExportOrder:
    """What to classify with which run, and how to write it; `class_map` gives names, colours and merges."""

    run_dir: Path
    volume: Volume
    class_map: ClassMap
    path: Path
    merged: bool = False
    probabilities: bool = False


def export(order: ExportOrder, report: Report) -> Path:
    """Write the class map and return its path; nothing is left at `order.path` if it fails or is cancelled.

    Raises
    ------
    InputError
        If the run can't be used, the volume not be read, or the file not be written.
    """
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.io.export_tiff import write_class_map_tiff
    from napari_em_autoclass.io.export_zarr import write_class_map_zarr
    from napari_em_autoclass.io.stack_file import is_tiff_name

    report(0.0)
    folder = RunFolder.open(order.run_dir)
    model = folder.model()
    write = write_class_map_tiff if is_tiff_name(order.path) else write_class_map_zarr
    return write(order.path, _blocks(order, model, report), _target(order, folder), overwrite=True)


def command_line(run_dir: Path, volume: Volume) -> str:
    """Return the shell command that classifies this volume with this run, headless."""
    z, y, x = (f"{size:g}" for size in volume.voxel_size_nm)
    source = volume.source if Path(volume.source).exists() else "VOLUME"
    return f'em-autoclass predict "{run_dir}" "{source}" --voxel-size {z} {y} {x} --out classes.ome.zarr'


def _blocks(order: ExportOrder, model: Model, report: Report) -> Iterator[Block]:
    from napari_em_autoclass.core.predict import n_blocks, predict_blocks

    total = n_blocks(model, order.volume, probabilities=order.probabilities)
    lookup = order.class_map.lookup()
    found = predict_blocks(model, order.volume, probabilities=order.probabilities)
    for done, block in enumerate(found, start=1):
        classes = lookup[block.classes] if order.merged else block.classes
        yield (block.box, classes) if block.probs is None else (block.box, classes, block.probs)
        report(done / total)


def _target(order: ExportOrder, folder: RunFolder) -> ClassMapTarget:
    from napari_em_autoclass import __version__
    from napari_em_autoclass.io.class_map_target import ClassMapTarget

    class_map, merged = order.class_map, order.merged
    shown = class_map.rows() if merged else tuple(range(1, class_map.n_classes + 1))
    return ClassMapTarget(
        order.volume.shape_zyx,
        order.volume.voxel_size_nm,
        class_map.n_classes,
        names={i: class_map.name_of(i) if merged else class_map.names[i - 1] for i in shown},
        colors={i: class_map.color_of(i) if merged else class_map.colors[i - 1] for i in shown},
        provenance={
            "program": f"napari-em-autoclass {__version__}",
            "volume": order.volume.source or order.volume.name,
            "merged": merged,
            "run": {"path": str(folder.path), "settings": folder.settings.model_dump(mode="json")},
        },
        name=f"{order.volume.name} classes",
        probabilities=order.probabilities,
    )
