"""Regions of the volume in memory, each with the texture labels its tiles are to foretell.

A region knows how its sections are shifted against each other: whatever is held against a neighbouring section is
looked up where it is, not where it would be if the sections lay exactly above each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_em_autoclass.core.clusters import nearest_cluster
from napari_em_autoclass.core.errors import InputError, require_wanted
from napari_em_autoclass.core.read_ahead import ReadAhead
from napari_em_autoclass.core.registration import section_drift
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.core.volumes import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_em_autoclass.core.classifier import FilterClassifier
    from napari_em_autoclass.core.tiles import Regions, TilePlace
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["UNKNOWN", "Region", "RegionPool", "RegionSource", "bytes_ahead"]

UNKNOWN = -100
"""Label of a pixel that lies outside a shifted section; losses leave it out (torch's own number for that)."""

_FIRST = 2
_STEPS_PER_REGION = 2
_STEPS_PER_REPLACEMENT = 10
# Regions looked at beyond those that are due, where nearly nothing can be learned from; then the run gives up.
_MORE = 200
_BYTES_PER_PIXEL = 3  # of a region: the image as float16, and the textons
# Of the memory so much for regions; half of the rest for what was read of storage, half for what is read ahead.
_SHARE_OF_REGIONS = 0.6


@dataclass(frozen=True)
class Region:
    """A box read once, on the CPU.

    `image` (S, H, W) float16, normalised; `textons` (S, H, W) uint8; `drift` (S, 2) int64, see
    `registration.section_drift`.  In place of each section in `left_out` (counted in the box) stands the nearest one
    that is not; its labels are not known.  `source` is the number of the volume it comes from, and `offsets` are the
    sections foretold in that volume.
    """

    box: Box
    image: Tensor
    textons: Tensor
    drift: Tensor
    left_out: frozenset[int] = frozenset()
    source: int = 0
    offsets: tuple[int, ...] = ()

    def sections(self, place: TilePlace, size: int, offsets: Sequence[int], context: int = 0) -> Tensor:
        """Return the sections (S', 2 * context + 1, size, size) float32 of a tile at `offsets` from its middle.

        Shifted sections are cut where the tile's content lies in them; beyond the region their edge is repeated.  Each
        stands between its own `context` sections on either side, as they lie: a network that sees them does so too when
        a stack is classified.
        """
        beside = range(-context, context + 1)
        cuts = [self._cut(self.image, place, size, offset, b)[0] for offset in offsets for b in beside]
        return torch.stack(cuts).reshape(len(offsets), len(beside), size, size).float()

    def with_context(self, z: int, context: int) -> Tensor:
        """Return section `z` between `context` sections on either side, (2 * context + 1, H, W) float16.

        At the ends of the region the end section stands for those that are missing.
        """
        return self.image[torch.arange(z - context, z + context + 1).clamp(0, len(self.image) - 1)]

    def labels(self, maps: Tensor, place: TilePlace, size: int, offset: int) -> Tensor:
        """Return the part (size, size) int64 of the label maps (S, H, W) that belongs to a tile.

        `UNKNOWN` where the tile, shifted with its section, reaches beyond the region, and of a section left out.
        """
        cut, is_inside = self._cut(maps, place, size, offset)
        if place[0] + offset in self.left_out:
            return torch.full_like(cut, UNKNOWN, dtype=torch.int64)
        return cut.long().masked_fill(~is_inside, UNKNOWN)

    def above(self, values: Tensor, z: int, offset: int) -> Tensor:
        """Return `values` (C, H, W) of section ``z + offset`` as they lie above or below section `z`."""
        dy, dx = self._shift(z, offset)
        height, width = values.shape[1:]
        rows = (torch.arange(height) + dy).clamp(0, height - 1)
        columns = (torch.arange(width) + dx).clamp(0, width - 1)
        return values[:, rows[:, None], columns[None, :]] if (dy, dx) != (0, 0) else values

    def _shift(self, z: int, offset: int) -> tuple[int, int]:
        dy, dx = (self.drift[z + offset] - self.drift[z]).tolist()
        return int(dy), int(dx)

    def _cut(self, maps: Tensor, place: TilePlace, size: int, offset: int, beside: int = 0) -> tuple[Tensor, Tensor]:
        """Return a tile's part (size, size) of the section at `offset`, and which of its pixels are inside.

        With `beside`, of the section so many further on, at the same pixels.
        """
        z, y, x = place
        dy, dx = self._shift(z, offset)
        height, width = maps.shape[1:]
        section = maps[min(max(z + offset + beside, 0), len(maps) - 1)]
        if 0 <= y + dy <= height - size and 0 <= x + dx <= width - size:
            # Nearly all lie inside: a view, where picking pixel by pixel took half the time that drawing tiles took.
            cut = section[y + dy : y + dy + size, x + dx : x + dx + size]
            return cut, torch.ones((1, 1), dtype=torch.bool).expand(size, size)
        rows, columns = torch.arange(size) + (y + dy), torch.arange(size) + (x + dx)
        inside_y, inside_x = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
        cut = section[rows.clamp(0, height - 1)[:, None], columns.clamp(0, width - 1)[None, :]]
        return cut, inside_y[:, None] & inside_x[None, :]


@dataclass(frozen=True, slots=True)
class RegionSource:
    """A volume, which of its regions comes when, and the distances in sections that are foretold in it."""

    working: WorkingVolume
    regions: Regions
    offsets: tuple[int, ...] = ()


class RegionPool:
    """The regions in memory at a given step: a function of the plans and the step alone.

    It starts with few, so that training begins at once, grows to its capacity, and then exchanges the oldest for new
    ones as long as there are regions that were not seen.  What can't be read, or shows nothing, is left out.

    Parameters
    ----------
    sources : where to read
    textons : gives the texture labels
    capacity : regions held at most
    reach_nm : largest shift between neighbouring sections that is looked for
    memory_mb : for regions and what is read ahead; fewer regions are held if so many take more
    """

    def __init__(
        self,
        sources: Sequence[RegionSource],
        textons: FilterClassifier,
        capacity: int,
        reach_nm: float = 0.0,
        memory_mb: int = 512,
    ) -> None:
        self._sources, self._textons, self._reach_nm = tuple(sources), textons, reach_nm
        largest = max(prod(source.regions[0].shape) for source in sources) * _BYTES_PER_PIXEL
        counts = [source.regions.n_regions for source in sources]
        self._n_all = sum(counts)
        self._capacity = min(capacity, self._n_all, max(_FIRST, int(memory_mb * 1e6 * _SHARE_OF_REGIONS / largest)))
        self._turns = Turns(counts, all_fit=self._n_all <= self._capacity)
        ahead = bytes_ahead(memory_mb, len(sources))
        self._read_ahead = [ReadAhead(s.working, s.regions, textons.radius_px, ahead) for s in sources]
        self._held: dict[int, Region | None] = {}
        self._notices: list[str] = []
        self._told: dict[str, str] = {}

    def at(self, step: int, is_wanted: Callable[[], bool] = lambda: True) -> list[Region]:
        """Return the regions to train on at `step`, reading those that are new.

        Parameters
        ----------
        step : counted from the beginning of the run
        is_wanted : asked before each section of those that are read; regions read by then are kept

        Raises
        ------
        Abandoned
            If `is_wanted` says no.
        InputError
            If no region can be read, or all show nothing.
        """
        n_read = _FIRST + step // _STEPS_PER_REGION
        if n_read >= self._capacity:
            full_at = (self._capacity - _FIRST) * _STEPS_PER_REGION
            exchanged = max(0, step - full_at) // _STEPS_PER_REPLACEMENT
            n_read = self._capacity + (exchanged if self._n_all > self._capacity else 0)
        first, found = n_read - min(n_read, self._capacity), list[Region]()
        for index in [index for index in self._held if index < first]:
            del self._held[index]
        index = first
        # Where much is left out more is read than is due: training on a single place would teach little.
        while index < n_read or (len(found) < min(_FIRST, self._capacity) and index < n_read + _MORE):
            region = self._region(index, is_wanted)
            found += [region] if region is not None else []
            index += 1
        if not found:
            raise InputError(
                f"nothing to learn from in {n_read + _MORE - first} places. {' '.join(self._told.values())}"
            )
        return found

    def take_notices(self) -> list[str]:
        """Return what was left out since the last call, in sentences for people; each reason is given once."""
        taken, self._notices = self._notices, []
        return taken

    def _region(self, index: int, is_wanted: Callable[[], bool]) -> Region | None:
        if index not in self._held:
            source, number = self._turns[index]
            box = self._sources[source].regions[number]
            # A small volume can come round while its region of the last time is still held.
            twins = [held for held in self._held.values() if held and (held.source, held.box) == (source, box)]
            self._held[index] = twins[0] if twins else self._told_of(source, number, box, is_wanted)
        return self._held[index]

    def _told_of(self, source: int, number: int, box: Box, is_wanted: Callable[[], bool]) -> Region | None:
        """Return a region; None, and a notice, if it can't be read or shows nothing."""
        require_wanted(is_wanted)
        try:
            region = self._read(source, self._read_ahead[source].at(number), box, is_wanted)
        except InputError as error:
            self._tell("unreadable", f"A part of the stack is left out of the training: {error}.")
            return None
        if float(region.image.max()) > float(region.image.min()):
            return region
        name = self._sources[source].working.volume.name
        self._tell("blank", f"{name}: parts of one grey value are left out of the training.")
        return None

    def _tell(self, reason: str, notice: str) -> None:
        if reason not in self._told:
            self._told[reason] = notice
            self._notices.append(notice)

    @torch.no_grad()
    def _read(self, source: int, working: WorkingVolume, box: Box, is_wanted: Callable[[], bool]) -> Region:
        halo = self._textons.radius_px
        wide = Box(box.z0, box.z1, box.y0 - halo, box.y1 + halo, box.x0 - halo, box.x1 + halo)
        left_out = frozenset(z - box.z0 for z in working.left_out if box.z0 <= z < box.z1)
        read = torch.from_numpy(working.read(wide))  # (S, H + 2 halo, W + 2 halo)
        sections = read[_stand_ins(len(read), left_out)] if left_out else read
        inner = (slice(halo, -halo), slice(halo, -halo))
        image = sections[:, inner[0], inner[1]]
        device = self._textons.centres.device
        labels = []
        for section in sections:  # one by one: the responses of a section are twenty times its size
            require_wanted(is_wanted)
            responses = self._textons.responses(section[None, None].to(device))[..., inner[0], inner[1]]
            labels.append(nearest_cluster(responses, self._textons.centres)[0].to(torch.uint8).cpu())
        require_wanted(is_wanted)
        drift = section_drift(image, sum(working.pixel_nm) / 2, self._reach_nm)
        offsets = self._sources[source].offsets
        return Region(box, image.to(torch.float16), torch.stack(labels), drift, left_out, source, offsets)


def bytes_ahead(memory_mb: int, n_volumes: int) -> int:
    """Return how much of a volume's storage is held at once, bytes; so much again is read ahead."""
    return int(memory_mb * 1e6 * (1 - _SHARE_OF_REGIONS) / 2 / n_volumes)


def _stand_ins(n_sections: int, left_out: frozenset[int]) -> list[int]:
    """Return for each section itself, or the nearest that is not left out."""
    sound = [z for z in range(n_sections) if z not in left_out]
    return [min(sound, key=lambda s: abs(s - z)) for z in range(n_sections)]
