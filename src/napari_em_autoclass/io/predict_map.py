"""The class map of a volume by a run, onto disk: block by block, and from where an earlier attempt ended.

The map grows in ``X.partial`` beside its place (`io.partial_output`), in files that are whole or not there
(`io.block_store`), of which a ledger says which are finished (`io.ledger`).  Who makes the blocks, this process or a
cluster, is another's business (`io.block_work.Executor`).
"""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import zarr

from napari_em_autoclass.core.block_plan import chunk_of
from napari_em_autoclass.core.predict import Predictor
from napari_em_autoclass.core.volume import Box, fingerprint
from napari_em_autoclass.io.block_store import BlockStore, levels_of
from napari_em_autoclass.io.block_tasks import TaskFeed
from napari_em_autoclass.io.block_work import BlockJob, Executor, InThisProcess
from napari_em_autoclass.io.export_precomputed import write_levels
from napari_em_autoclass.io.export_tiff import write_sections
from napari_em_autoclass.io.export_zarr import probabilities_path
from napari_em_autoclass.io.ledger import LEDGER_NAME, Entry, Ledger, read_ledger
from napari_em_autoclass.io.map_format import map_format
from napari_em_autoclass.io.output import remove, told_to_the_user
from napari_em_autoclass.io.partial_output import PartialOutput

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.io.map_format import MapFormat
    from napari_em_autoclass.io.run_export import RunExport

__all__ = ["Made", "MapOrder", "predict_map"]


@dataclass(frozen=True, slots=True)
class MapOrder:
    """What is to be written where.

    Parameters
    ----------
    path : of the class map; OME-Zarr, TIFF or precomputed by its name, see `map_format`
    export : the volume, the run, and the decisions that show
    model : what the run learned
    overwrite : whether what is there may be replaced when the new map is complete
    restart : whether to begin anew, instead of going on where an earlier attempt ended
    skip_unreadable : whether what can't be read is left 0 and told, instead of being an error
    keep : whether an attempt that fails leaves its finished blocks for the next one
    """

    path: Path
    export: RunExport
    model: Model
    overwrite: bool = False
    restart: bool = False
    skip_unreadable: bool = False
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Made:
    """How far it has come: blocks of level 0 that are finished, of all, and what could not be read so far."""

    n_done: int
    n_blocks: int
    unreadable: tuple[Box, ...] = ()


def predict_map(order: MapOrder, execute: Executor | None = None) -> Generator[Made, None, None]:
    """Write a class map, yielding how far it has come: before the first block, and after each of level 0.

    When it ends, the map is at its place.  When it fails, or the caller stops, the blocks that are finished are kept,
    and the same order goes on from there.

    Parameters
    ----------
    order : what to write
    execute : what makes the blocks; None makes them in this process

    Raises
    ------
    InputError
        If the stack can't be read; the map is there and may not be replaced, or what is unfinished there is of another
        job; or the disk is full or can't be written.
    """
    with told_to_the_user(order.path), ExitStack() as at_the_end:
        job = _job(order)
        paths = (order.path, probabilities_path(order.path)) if order.export.probabilities else (order.path,)
        partial = PartialOutput.begin(paths, _identity(order, job), overwrite=order.overwrite, restart=order.restart)
        at_the_end.callback(partial.release)
        job = _placed(job, partial)
        if partial.is_new:
            try:
                _create(order, job, partial)
            except BaseException:  # nothing is worth keeping yet
                partial.discard()
                raise
        growing = _Growing(partial, job)
        try:
            at_the_end.callback(growing.close)
            yield from growing.made(execute or InThisProcess())
            growing.close()
            _finish(order, job, partial, growing.unreadable)
        except BaseException:
            growing.close()
            if not (order.keep and growing.n_done):
                partial.discard()
            raise


class _Growing:
    """The ledger, and the blocks that it says are to be made."""

    def __init__(self, partial: PartialOutput, job: BlockJob) -> None:
        self._partial, self._job = partial, job
        # What could not be read is tried again.
        made = (entry.task for entry in read_ledger(partial.data / LEDGER_NAME) if _is_finished(job.store, entry))
        self._feed = TaskFeed(job.store.levels, made, job.store.forget)
        self._unreadable: dict[int, tuple[Box, ...]] = {}
        self._ledger = Ledger(partial.data / LEDGER_NAME)

    @property
    def n_done(self) -> int:
        return self._feed.n_done

    @property
    def unreadable(self) -> tuple[Box, ...]:
        return tuple(box for _, boxes in sorted(self._unreadable.items()) for box in boxes)

    def made(self, execute: Executor) -> Iterator[Made]:
        feed = self._feed
        yield Made(feed.n_done, feed.n_blocks)
        done = feed.n_done
        for entry in execute(self._job, feed):
            self._partial.check()
            self._ledger.add(entry)
            feed.finish(entry.task)
            if entry.task.level == 0:
                if entry.unreadable:
                    self._unreadable[entry.task.index] = entry.unreadable
                done += 1
                yield Made(done, feed.n_blocks, entry.unreadable)
        assert not feed.n_left

    def close(self) -> None:
        self._ledger.close()


def _job(order: MapOrder) -> BlockJob:
    export, splits = order.export, order.export.class_map.splits
    predictor = Predictor.of(order.model, export.volume, probabilities=export.probabilities, splits=splits)
    levels = levels_of(predictor.plan, export.volume.voxel_size_nm)
    # A TIFF has no pyramid; its sections are collected in a store of one level.
    levels = levels[:1] if _format(order) == "tiff" else levels
    probabilities = order.path if export.probabilities else None
    store = BlockStore(order.path, probabilities, export.class_map.ids[-1], levels)
    return BlockJob(predictor, store, export.class_map.lookup() if export.merged else None, order.skip_unreadable)


def _placed(job: BlockJob, partial: PartialOutput) -> BlockJob:
    """Return the job with its store inside the growing output; an absolute path, since workers run elsewhere."""
    at = partial.data.absolute()
    probabilities = at / "probabilities.ome.zarr" if job.store.probabilities is not None else None
    return replace(job, store=replace(job.store, classes=at / "classes.ome.zarr", probabilities=probabilities))


def _create(order: MapOrder, job: BlockJob, partial: PartialOutput) -> None:
    partial.data.mkdir()
    job.store.create(order.export.target(), by_section=_format(order) == "tiff")
    (partial.data / LEDGER_NAME).touch()
    partial.commit()


def _finish(order: MapOrder, job: BlockJob, partial: PartialOutput, unreadable: tuple[Box, ...]) -> None:
    target, store = order.export.target(), job.store
    if unreadable:
        told = [[[part.start, part.stop] for part in box.slices] for box in unreadable]
        target = replace(target, provenance={**target.provenance, "unreadable_zyx": told})
    if _format(order) == "tiff":
        write_sections(partial.data / "map.ome.tif", _arrays(store)[0], target)
        partial.finish({"map.ome.tif": order.path})
        return
    if _format(order) == "precomputed":
        made = partial.data / "map.precomputed"
        remove(made)  # of an attempt that died here
        factors = (level.of_level_0 for level in store.levels)
        write_levels(made, zip(_arrays(store), factors, strict=True), target, order.path.name)
        partial.finish({made.name: order.path})
        return
    store.describe(target)
    beside = {} if store.probabilities is None else {store.probabilities.name: probabilities_path(order.path)}
    partial.finish({**beside, store.classes.name: order.path})


def _format(order: MapOrder) -> MapFormat:
    return map_format(order.path, probabilities=order.export.probabilities)


def _arrays(store: BlockStore) -> list[zarr.Array[Any]]:
    """Return the levels of the finished map, the finest first."""
    group = zarr.open_group(store.classes, mode="r")
    found = [group[str(number)] for number in range(len(store.levels))]
    return [array for array in found if isinstance(array, zarr.Array)]


def _is_finished(store: BlockStore, entry: Entry) -> bool:
    task = entry.task
    is_there = 0 <= task.level < len(store.levels) and 0 <= task.index < len(store.levels[task.level].plan)
    return is_there and not entry.unreadable and store.is_whole(task, entry.sizes)


def _identity(order: MapOrder, job: BlockJob) -> dict[str, str]:
    """Return what decides over the voxels of the map, each thing by the name that the user is told."""
    model, volume, store, working = order.model, job.volume, job.store, job.predictor.working
    settings = model.settings
    learned = hashlib.sha256(model.weights.encode())
    for name, tensor in sorted(model.classifier.state_dict().items()):
        learned.update(name.encode())
        learned.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    network = (settings.n_classes, settings.working_pixel_nm, settings.classifier.model_dump(mode="json"))
    asked = (
        None if job.lookup is None else job.lookup.tolist(),
        store.probabilities is not None,
        [repr(split) for split in order.export.class_map.splits if split.made_with == model.weights],
        _format(order) == "tiff" or (_format(order) == "precomputed" and "precomputed"),
    )
    plan = store.levels[0].plan
    layout = (chunk_of(plan.shape_zyx, plan.block_zyx), [level.factors for level in store.levels])
    return {
        "state of the run": learned.hexdigest()[:16],
        "network": _hash(network),
        "stack": f"{fingerprint(volume)} {_hash((volume.name, volume.shape_zyx, volume.voxel_size_nm))}",
        "normalisation": _hash((working.normalisation.model_dump(mode="json"), working.factors_yx)),
        "set of options (--merged, --probabilities, split classes)": _hash(asked),
        "layout of blocks (by another version of the program)": _hash(layout),
    }


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
