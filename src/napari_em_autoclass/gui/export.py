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
    from napari_em_autoclass.io.class_map_target import Block

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
    from napari_em_autoclass.core.predict import n_blocks, predict_blocks
    from napari_em_autoclass.io.run_export import RunExport, write_run_map

    report(0.0)
    folder = RunFolder.open(order.run_dir)
    model = folder.model()
    total = n_blocks(model, order.volume, probabilities=order.probabilities, splits=order.class_map.splits)
    splits = order.class_map.splits
    found = predict_blocks(model, order.volume, probabilities=order.probabilities, splits=splits)
    what = RunExport(folder, order.volume, order.class_map, order.merged, order.probabilities)
    return write_run_map(order.path, _reported(what.shown(found), total, report), what, overwrite=True)


def _reported(blocks: Iterator[Block], total: int, report: Report) -> Iterator[Block]:
    for done, block in enumerate(blocks, start=1):
        yield block
        report(done / total)


def command_line(run_dir: Path, volume: Volume) -> str:
    """Return the shell command that classifies this volume with this run, headless."""
    z, y, x = (f"{size:g}" for size in volume.voxel_size_nm)
    source = volume.source if Path(volume.source).exists() else "VOLUME"
    return f'em-autoclass predict "{run_dir}" "{source}" --voxel-size {z} {y} {x} --out classes.ome.zarr'
