"""Classify a stack, or a part of it, with a finished run, and write the class map or the table of its classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.gui.worker import Report

if TYPE_CHECKING:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.class_statistics import ClassStatistics
    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.predict import ClassBlock, Predictor
    from napari_em_autoclass.io.run_export import RunExport

__all__ = ["ExportOrder", "export", "write_estimated_table"]

_COUNTING = 0.05  # of the time of a table


@dataclass(frozen=True)
class ExportOrder:
    """What to classify with which run, and how to write it.

    Parameters
    ----------
    run_dir, volume : the run and its stack
    class_map : gives names, colours and merges
    path : of the class map, OME-Zarr or TIFF by its name; or of a table, .csv
    merged : whether merged classes are written as one
    probabilities : whether they are written too, of a map as OME-Zarr
    region : ``z0:z1,y0:y1,x0:x1``, the part to classify; None classifies all
    statistics : what is known of the classes; gives a table their certainty, which a map doesn't hold
    """

    run_dir: Path
    volume: Volume
    class_map: ClassMap
    path: Path
    merged: bool = False
    probabilities: bool = False
    region: str | None = None
    statistics: ClassStatistics | None = None


def export(order: ExportOrder, report: Report) -> Path:
    """Write what is ordered and return its path; if it fails or is cancelled, what was at `order.path` stays as it was.

    Raises
    ------
    InputError
        If the run can't be used, the volume not be read, or the file not be written.
    """
    report(0.0)
    if order.path.suffix.lower() == ".csv":
        return _write_counted_table(order, report)
    return _write_map(order, order.path, report)


def write_estimated_table(path: Path, class_map: ClassMap, statistics: ClassStatistics, merged: bool) -> Path:
    """Write the table of the classes from what is known of them: estimated where only places were looked at.

    Raises
    ------
    InputError
        If the file can't be written.
    """
    from napari_em_autoclass.io.class_table import class_columns, figures_of, write_class_table

    columns = class_columns(class_map, figures_of(statistics, class_map, merged), merged)
    return write_class_table(path, columns, overwrite=True)


def _write_counted_table(order: ExportOrder, report: Report) -> Path:
    """Classify all, count every voxel, and write the table; the map itself is not kept."""
    from napari_em_autoclass.core.class_statistics import statistics_of_map
    from napari_em_autoclass.io.class_map_file import read_class_map
    from napari_em_autoclass.io.output import check_output, scratch_folder

    check_output(order.path, overwrite=True)  # now, and not after an hour
    with scratch_folder(order.path) as scratch:
        scratch.mkdir()
        unmerged = replace(order, merged=False, probabilities=False)
        _write_map(unmerged, scratch / "map.ome.zarr", lambda done: report((1 - _COUNTING) * done))
        classes, _ = read_class_map(scratch / "map.ome.zarr")
        counted = statistics_of_map(classes, order.class_map.ids[-1], order.volume.voxel_size_nm)
        report(1 - _COUNTING / 2)
        known = _with_certainty(counted, order.statistics)
        written = write_estimated_table(order.path, order.class_map, known, order.merged)
    report(1.0)
    return written


def _with_certainty(counted: ClassStatistics, known: ClassStatistics | None) -> ClassStatistics:
    """Return `counted` with the entropies of `known`, if they are of the same ids."""
    if known is None or known.entropy_bits.shape != counted.entropy_bits.shape:
        return counted
    return replace(counted, entropy_bits=known.entropy_bits, measured=known.measured)


def _write_map(order: ExportOrder, path: Path, report: Report) -> Path:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.io.block_work import InThisProcess
    from napari_em_autoclass.io.predict_map import MapOrder, predict_map
    from napari_em_autoclass.io.run_export import RunExport

    folder = RunFolder.open(order.run_dir)
    model = _model(folder)
    what = RunExport(folder, order.volume, order.class_map, order.merged, order.probabilities)
    if order.region is not None:
        return _write_region(what, model, path, (Box.parse(order.region, order.volume.shape_zyx), report))
    done = 0.0

    def before_each_tile() -> None:
        report(done)  # raises where it is cancelled

    job = MapOrder(path, what, model, overwrite=True, restart=True, keep=False)
    for made in predict_map(job, InThisProcess(before_each_tile)):
        done = made.n_done / made.n_blocks
        report(done)
    return path


def _model(folder: RunFolder) -> Model:
    """Return what was learned, on the device it was learned on if that is here."""
    from napari_em_autoclass.core.device import choose_device

    try:
        device = choose_device(folder.settings.device)
    except InputError:
        device = choose_device("auto")
    return folder.model(device.name)


def _write_region(what: RunExport, model: Model, path: Path, part: tuple[Box, Report]) -> Path:
    """Write a part of the map, voxel by voxel the same as in the map of all."""
    from napari_em_autoclass.core.predict import Predictor
    from napari_em_autoclass.io import write_class_map_tiff, write_class_map_zarr
    from napari_em_autoclass.io.stack_file import is_tiff_name

    box, report = part
    splits = tuple(what.class_map.splits)
    predictor = Predictor.of(model, what.volume, probabilities=what.probabilities, splits=splits)
    target = replace(what, volume=what.volume.crop(box)).target()
    corner = (box.z0, box.y0, box.x0)
    target = replace(target, corner_zyx=corner, provenance={**target.provenance, "corner_zyx": corner})
    write = write_class_map_tiff if is_tiff_name(path) else write_class_map_zarr
    return write(path, what.shown(_blocks_in(predictor, box, report)), target, overwrite=True)


def _blocks_in(predictor: Predictor, region: Box, report: Report) -> Iterator[ClassBlock]:
    """Yield what blocks have in common with `region`, in its voxels."""
    from napari_em_autoclass.core.predict import ClassBlock

    plan, corner = predictor.plan, (region.z0, region.y0, region.x0)
    touched = [(i, common) for i in range(len(plan)) if (common := _common(plan.box(i), region)) is not None]
    for n_done, (index, common) in enumerate(touched):
        report(n_done / len(touched))
        found = predictor.block(index, between=partial(report, n_done / len(touched)))
        inside = _moved(common, (found.box.z0, found.box.y0, found.box.x0)).slices
        probs = None if found.probs is None else found.probs[(slice(None), *inside)]
        yield ClassBlock(_moved(common, corner), found.classes[inside], probs)
    report(1.0)


def _common(one: Box, other: Box) -> Box | None:
    pairs = list(zip(one.slices, other.slices, strict=True))
    bounds = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in pairs]
    if any(low >= high for low, high in bounds):
        return None
    (z0, z1), (y0, y1), (x0, x1) = bounds
    return Box(z0, z1, y0, y1, x0, x1)


def _moved(box: Box, corner: tuple[int, int, int]) -> Box:
    z, y, x = corner
    return Box(box.z0 - z, box.z1 - z, box.y0 - y, box.y1 - y, box.x0 - x, box.x1 - x)
