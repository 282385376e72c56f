"""A class map on disk that many processes write at once, each block a file of its own.

All levels of the pyramid are cut into blocks (`core.block_plan`), and a block is one shard, one file, of its array; of
the probabilities it is one file a class.  A file is written beside its place, flushed to disk, and renamed, so that it
is whole or not there.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import zarr

from napari_em_autoclass.core.block_plan import CHUNK_ZYX, BlockPlan, chunk_of
from napari_em_autoclass.io.class_map_metadata import class_attributes, probability_attributes
from napari_em_autoclass.io.ledger import Task
from napari_em_autoclass.io.pyramid import boxes, level_factors, most_frequent

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_em_autoclass.io.class_map_target import ClassMapTarget

__all__ = ["BlockStore", "Level", "flush", "levels_of"]

#: Of a coarse level, made at a time: 8 MiB of the finer one.
_PIECE_ZYX: Final = (16, 256, 256)
_SECTION_ZYX: Final = (1, 512, 512)


@dataclass(frozen=True, slots=True)
class Level:
    """A level of the pyramid: its blocks, how many voxels of the finer level, and of level 0, make one of its own."""

    plan: BlockPlan
    factors: tuple[int, int, int] = (1, 1, 1)
    of_level_0: tuple[int, int, int] = (1, 1, 1)


def levels_of(plan: BlockPlan, voxel_size_nm: tuple[float, float, float]) -> tuple[Level, ...]:
    """Return the pyramid over blocks of level 0."""
    levels = [Level(plan)]
    for total in level_factors(plan.shape_zyx, voxel_size_nm)[1:]:
        z, y, x = (now // before for now, before in zip(total, levels[-1].of_level_0, strict=True))
        levels.append(Level(levels[-1].plan.coarser((z, y, x)), (z, y, x), total))
    return tuple(levels)


@dataclass(frozen=True)
class BlockStore:
    """A class map in the making.

    Parameters
    ----------
    classes : where its OME-Zarr is
    probabilities : where those of its probabilities are, None for none
    n_classes : channels of the probabilities
    levels : the finest first
    """

    classes: Path
    probabilities: Path | None
    n_classes: int
    levels: tuple[Level, ...]

    def create(self, target: ClassMapTarget, *, by_section: bool = False) -> None:
        """Make the arrays, without any block; `by_section` when they will be read section by section.

        Raises
        ------
        OSError
            If the disk can't be written.
        """
        group = zarr.create_group(self.classes, zarr_format=3)
        wanted = _SECTION_ZYX if by_section else CHUNK_ZYX
        for number, level in enumerate(self.levels):
            chunk, shard = chunk_of(level.plan.shape_zyx, level.plan.block_zyx, wanted)
            sizes: dict[str, Any] = {"shape": level.plan.shape_zyx, "chunks": chunk, "shards": shard}
            group.create_array(str(number), **sizes, dtype="uint8", dimension_names=("z", "y", "x"))
        if self.probabilities is not None:
            plan = self.levels[0].plan
            chunk, shard = chunk_of(plan.shape_zyx, plan.block_zyx, wanted)
            sizes = {"shape": (self.n_classes, *plan.shape_zyx), "chunks": (1, *chunk), "shards": (1, *shard)}
            group = zarr.create_group(self.probabilities, zarr_format=3)
            group.create_array("0", **sizes, dtype="uint8", dimension_names=("c", "z", "y", "x"))
        self.describe(target)

    def describe(self, target: ClassMapTarget) -> None:
        """Write names, colours and provenance, in place of those there are."""
        factors = [level.of_level_0 for level in self.levels]
        described = {self.classes: class_attributes(target, factors)}
        if self.probabilities is not None:
            described[self.probabilities] = probability_attributes(target)
        for path, attributes in described.items():
            zarr.open_group(path, mode="r+").attrs.put(attributes)
            for metadata in (path / "zarr.json", *path.glob("*/zarr.json")):
                flush(metadata)

    def write(self, index: int, classes: NDArray[np.uint8], probs: NDArray[np.uint8] | None) -> tuple[int, ...]:
        """Write a block of level 0 and return the sizes of its files; on return they are on the disk."""
        key = self.levels[0].plan.box(index).slices
        self._arrays[0][key] = classes
        if probs is not None and self._probs is not None:
            self._probs[(slice(None), *key)] = probs
        return self._flushed(Task(0, index))

    def build(self, task: Task) -> tuple[int, ...]:
        """Make a block of a coarse level of those of the finer one, and return the size of its file, as `write`."""
        level, finer = self.levels[task.level], self._arrays[task.level - 1]
        box = level.plan.box(task.index)
        made = np.zeros(box.shape, np.uint8)
        for piece in boxes(box.shape, _PIECE_ZYX):
            moved = zip(piece.slices, (box.z0, box.y0, box.x0), level.factors, strict=True)
            key = tuple(slice((part.start + low) * f, (part.stop + low) * f) for part, low, f in moved)
            made[piece.slices] = most_frequent(np.asarray(finer[key]), level.factors)
        self._arrays[task.level][box.slices] = made
        return self._flushed(task)

    def is_whole(self, task: Task, sizes: tuple[int, ...]) -> bool:
        """Tell whether the files of a block have the sizes they were written with."""
        files = self.files(task)
        return len(files) == len(sizes) and all(_size(file) == size for file, size in zip(files, sizes, strict=True))

    def files(self, task: Task) -> list[Path]:
        """Return where the files of a block are."""
        plan = self.levels[task.level].plan
        box = plan.box(task.index)
        at = [str(low // side) for low, side in zip((box.z0, box.y0, box.x0), plan.block_zyx, strict=True)]
        files = [self.classes.joinpath(str(task.level), "c", *at)]
        if self.probabilities is not None and task.level == 0:
            files += [self.probabilities.joinpath("0", "c", str(k), *at) for k in range(self.n_classes)]
        return files

    @cached_property
    def _arrays(self) -> list[zarr.Array[Any]]:
        group = zarr.open_group(self.classes, mode="r+")
        return [_array(group, str(number)) for number in range(len(self.levels))]

    @cached_property
    def _probs(self) -> zarr.Array[Any] | None:
        return None if self.probabilities is None else _array(zarr.open_group(self.probabilities, mode="r+"), "0")

    def forget(self, task: Task) -> None:
        """Remove the files of a block: what a power cut left must neither be read nor be mixed with what is new.

        Not for each block when it is written: a task of a driver that died may still be running, and must not take
        away, though but for a moment, what was made a second time.
        """
        for file in self.files(task):
            file.unlink(missing_ok=True)

    def _flushed(self, task: Task) -> tuple[int, ...]:
        files = self.files(task)
        for file in files:
            flush(file)
        for folder in {file.parent for file in files}:
            _flush_folder(folder)
        return tuple(_size(file) for file in files)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the open arrays: each process opens its own."""
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    found = group[name]
    assert isinstance(found, zarr.Array)
    return found


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def flush(file: Path) -> None:
    """Make sure that a file, if it is there, has reached the disk."""
    try:
        number = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _flush_folder(folder: Path) -> None:
    if sys.platform == "win32" or not folder.is_dir():  # folders can't be opened there
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
