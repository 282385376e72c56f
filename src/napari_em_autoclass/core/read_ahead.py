"""Reads what the next regions need while the training goes on.

Only stored voxels are read here, in one thread of its own: everything that is computed from them is computed by whoever
asks, so that a run does not depend on which of the two was faster.
"""

from __future__ import annotations

import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_em_autoclass.core.chunk_grid import chunk_grid
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.held_boxes import read_together, stored_bytes
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from concurrent.futures import Future

    from napari_em_autoclass.core.tiles import Regions
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["ReadAhead"]


class ReadAhead:
    """Gives the volume, with what the regions around a number need already in memory.

    Parameters
    ----------
    working : the volume
    regions : which come when
    halo : working pixels that are read around a region
    most_bytes : held of the volume at once, about; so much again is read ahead
    """

    def __init__(self, working: WorkingVolume, regions: Regions, halo: int, most_bytes: int) -> None:
        self._working, self._regions, self._halo, self._most_bytes = working, regions, halo, most_bytes
        self._is_chunked = chunk_grid(working.volume.data) is not None
        self._fits = stored_bytes(working.volume) <= most_bytes
        self._read: dict[int, Future[Volume | None]] = {}
        # Not started before the first region is asked for; ended with this object, wherever it is then.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
        weakref.finalize(self, self._thread.shutdown, wait=False, cancel_futures=True)

    def at(self, index: int) -> WorkingVolume:
        """Return the volume to read region `index` from, and begin to read what comes after it.

        What could not be read is not there: reading the region says so.
        """
        if not self._is_chunked:
            return self._working  # in memory, or mapped: any box costs what it holds
        numbers = self._numbers(index)
        following = self._numbers(numbers.stop)
        for first in [first for first in self._read if first not in (numbers.start, following.start)]:
            self._read.pop(first).cancel()
        for wanted in (numbers, following):
            if wanted.start not in self._read:
                self._read[wanted.start] = self._thread.submit(_held, self._working.volume, *self._job(wanted))
        volume = self._read[numbers.start].result()
        return self._working if volume is None else replace(self._working, volume=volume)

    def close(self) -> None:
        """Wait for what is being read, and end."""
        self._thread.shutdown()

    def _numbers(self, index: int) -> range:
        return range(1) if self._fits else self._regions.together(index)

    def _job(self, numbers: range) -> tuple[list[Box], int]:
        """Return the boxes to read, in voxels."""
        if self._fits:
            return [Box.whole(self._working.volume.shape_zyx)], self._most_bytes
        return [self._working.stored(self._regions[index], self._halo) for index in numbers], self._most_bytes


def _held(volume: Volume, boxes: list[Box], most_bytes: int) -> Volume | None:
    try:
        return read_together(volume, boxes, most_bytes)
    except InputError:
        return None
