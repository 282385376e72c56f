"""What is known of each class: how much of it there is, where, what it touches, how sure the classifier is of it.

Counted piece by piece, from a predicted class map (`statistics_of_map`, exact) or from some places of the stack
(`class_survey.survey`, an estimate); a piece is forgotten when it has been counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_em_autoclass.core.scores.table import contingency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["ClassStatistics", "RowStatistics", "StatisticsCounter", "statistics_of_map"]

_SLAB_VOXELS = 2**22  # counting widens the ids to 8 bytes: 32 MiB


@dataclass(frozen=True, slots=True)
class RowStatistics:
    """What is known of a class, part or group.

    Parameters
    ----------
    share : of all classified voxels, 0 to 1
    voxels, volume_um3 : in the whole stack; estimated from the share where only places were looked at
    sections, sections_seen : in so many of those looked at it occurs
    neighbours : (shown id, share of this row's surface that touches it), the most first
    entropy_bits : mean over its voxels, 0 (sure) to log2 K (no idea); None where no probabilities were seen
    """

    share: float
    voxels: int
    volume_um3: float
    sections: int
    sections_seen: int
    neighbours: tuple[tuple[int, float], ...]
    entropy_bits: float | None


@dataclass(frozen=True, slots=True, eq=False)
class ClassStatistics:
    """Counts by id; index i stands for id i, 0 is "not classified".

    Parameters
    ----------
    voxels : (n + 1,) seen of each id
    touching_um2 : (n + 1, n + 1) symmetric, area of the faces between voxels of two ids
    sections : (n + 1, S), in which of the sections looked at it occurs
    entropy_bits : (n + 1,) sum over `measured` voxels
    measured : (n + 1,) voxels whose probabilities were seen
    stack_voxels : in the whole stack
    voxel_um3 : volume of one
    """

    voxels: NDArray[np.int64]
    touching_um2: NDArray[np.float64]
    sections: NDArray[np.bool_]
    entropy_bits: NDArray[np.float64]
    measured: NDArray[np.int64]
    stack_voxels: int
    voxel_um3: float

    def shares(self) -> tuple[float, ...]:
        """Return the share of each id from 1 on, of all classified voxels."""
        counts = self.voxels[1:]
        return tuple((counts / max(int(counts.sum()), 1)).tolist())

    def volume_um3(self, members: Sequence[int]) -> float:
        """Return the volume of some ids together in the whole stack; ids that were not counted count as none."""
        return self._whole(int(self.voxels[[i for i in members if i < len(self.voxels)]].sum())) * self.voxel_um3

    def mean_entropy_bits(self, members: Sequence[int]) -> float | None:
        """Return the mean entropy where some ids together are, in bits; None where no probabilities were seen."""
        known = [i for i in members if i < len(self.voxels)]
        measured = int(self.measured[known].sum())
        return float(self.entropy_bits[known].sum() / measured) if measured else None

    def of_row(self, class_map: ClassMap, row: int) -> RowStatistics:
        """Return what is known of a row of `class_map`: nothing of ids that were not counted, as of a split since.

        Raises
        ------
        InputError
            If there is no such row.
        """
        members = [i for i in class_map.members(row) if i < len(self.voxels)]
        shown = np.zeros(len(self.voxels), np.int64)
        lookup = class_map.lookup()
        n_known = min(len(lookup), len(shown))
        shown[:n_known] = lookup[:n_known]
        seen = int(self.voxels[members].sum())
        share = seen / max(int(self.voxels[1:].sum()), 1)
        whole = self._whole(seen)
        faces = np.bincount(shown, self.touching_um2[members].sum(axis=0), minlength=max(len(shown), len(lookup)))
        faces[[0, class_map.shown_id(row)]] = 0
        order = [int(i) for i in np.argsort(-faces, kind="stable") if faces[i] > 0]
        return RowStatistics(
            share,
            whole,
            whole * self.voxel_um3,
            int(self.sections[members].any(axis=0).sum()),
            self.sections.shape[1],
            tuple((i, float(faces[i] / faces.sum())) for i in order),
            self.mean_entropy_bits(members),
        )

    def _whole(self, seen: int) -> int:
        """Return how many voxels of the whole stack so many of those seen stand for."""
        if int(self.voxels.sum()) == self.stack_voxels:
            return seen
        return round(seen / max(int(self.voxels[1:].sum()), 1) * self.stack_voxels)


class StatisticsCounter:
    """Counts pieces of a class map.

    Parameters
    ----------
    n_ids : the highest id
    shape_zyx : of the whole stack
    voxel_size_nm : (z, y, x)
    """

    def __init__(self, n_ids: int, shape_zyx: tuple[int, int, int], voxel_size_nm: tuple[float, float, float]) -> None:
        self._size, self._shape, self._nm = n_ids + 1, shape_zyx, voxel_size_nm
        self._voxels = np.zeros(self._size, np.int64)
        self._touching = np.zeros((self._size, self._size))
        self._sections: dict[int, NDArray[np.bool_]] = {}
        self._entropy = np.zeros(self._size)
        self._measured = np.zeros(self._size, np.int64)

    def add(self, z0: int, ids: NDArray[Any], entropy_bits: NDArray[Any] | None = None) -> None:
        """Count the piece `ids` (z, y, x) whose first section is `z0`; pieces must not overlap.

        Parameters
        ----------
        z0 : its first section
        ids : integers up to the highest id
        entropy_bits : (y, x) of its first section, None where it isn't known
        """
        for at, section in enumerate(ids):
            counts = np.bincount(section.ravel(), minlength=self._size)
            self._voxels += counts
            self._sections[z0 + at] = self._sections.get(z0 + at, np.zeros(self._size, bool)) | (counts > 0)
        z, y, x = (length / 1000 for length in self._nm)
        self._touch(ids[:-1], ids[1:], y * x)
        self._touch(ids[:, :-1], ids[:, 1:], z * x)
        self._touch(ids[:, :, :-1], ids[:, :, 1:], z * y)
        if entropy_bits is not None:
            self._entropy += np.bincount(ids[0].ravel(), entropy_bits.ravel(), minlength=self._size)
            self._measured += np.bincount(ids[0].ravel(), minlength=self._size)

    def join(self, below: NDArray[Any], above: NDArray[Any]) -> None:
        """Count the faces between the last section of one piece and the first of the next, each (y, x)."""
        self._touch(below, above, self._nm[1] * self._nm[2] * 1e-6)

    def done(self) -> ClassStatistics:
        """Return what was counted."""
        seen = [self._sections[z] for z in sorted(self._sections)]
        sections = np.stack(seen, axis=1) if seen else np.zeros((self._size, 0), bool)
        return ClassStatistics(
            self._voxels.copy(),
            self._touching.copy(),
            sections,
            self._entropy.copy(),
            self._measured.copy(),
            int(np.prod(self._shape)),
            float(np.prod(self._nm)) * 1e-9,
        )

    def _touch(self, one: NDArray[Any], other: NDArray[Any], area_um2: float) -> None:
        faces = contingency(one, other, (self._size, self._size)) * area_um2
        self._touching += faces + faces.T


def statistics_of_map(classes: ArrayLike, n_ids: int, voxel_size_nm: tuple[float, float, float]) -> ClassStatistics:
    """Return the statistics of a whole class map, reading some sections at a time; entropy stays unknown.

    Parameters
    ----------
    classes : (Z, Y, X) integers from 0 to `n_ids`
    n_ids : the highest id
    voxel_size_nm : (z, y, x)
    """
    depth, height, width = (int(n) for n in classes.shape)
    counter = StatisticsCounter(n_ids, (depth, height, width), voxel_size_nm)
    step, last = max(1, _SLAB_VOXELS // max(1, height * width)), None
    for z in range(0, depth, step):
        slab = np.asarray(classes[z : z + step, :, :])
        counter.add(z, slab)
        if last is not None:
            counter.join(last, slab[0])
        last = slab[-1]
    return counter.done()
