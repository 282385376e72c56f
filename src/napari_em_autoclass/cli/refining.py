"""The steps of ``em-autoclass refine``: from a class map on disk to another, some sections at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.class_map_target import Block
    from napari_em_autoclass.io.derived_map import SourceMap

__all__ = ["Writing", "drop_small", "group", "number_objects", "smooth", "vote"]

_TILE_PX = 512
# Of the grey values' spread in a section: smaller differences are grain, larger ones a border.
_GREY_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Writing:
    """Where the result goes; `as_json` shows no progress."""

    out: Path
    overwrite: bool = False
    as_json: bool = False

    def map(self, source: SourceMap, blocks: Iterable[Block], total: int, step: str, **details: Any) -> None:
        """Write a class map, showing progress."""
        from napari_em_autoclass.cli.progress import watched
        from napari_em_autoclass.io.derived_map import write_map

        target = source.target(step, **details)
        write_map(self.out, watched(blocks, total, step, self.as_json), target, self.overwrite)

    def say(self, step: str) -> None:
        """Say where the result is."""
        from napari_em_autoclass.cli.progress import print_json

        if self.as_json:
            print_json({"step": step, "result": str(self.out)})
        else:
            typer.echo(f"the result is in {self.out}")


def smooth(source: SourceMap, volume: str, strength: float, writing: Writing) -> None:
    """Smooth tile by tile, each with as much around it as it takes to be as in the whole section.

    Raises
    ------
    InputError
        If the stack can't be read, or has another shape.
    """
    from napari_em_autoclass.cli.options import open_grey_values
    from napari_em_autoclass.core.refinement.mean_field import Smoothing, halo_px, mean_field
    from napari_em_autoclass.io.pyramid import boxes

    stack = open_grey_values(volume)
    if stack.shape_zyx != source.classes.shape_zyx:
        raise InputError(f"class map {source.classes.shape_zyx} and volume {stack.shape_zyx} differ in shape")
    spread = float(np.std(stack.section(stack.shape_zyx[0] // 2)))
    how = Smoothing(grey_spread=max(_GREY_SHARE * spread, 1e-6), strength=strength)
    halo = halo_px(how)
    tiles = list(boxes(stack.shape_zyx, (1, _TILE_PX, _TILE_PX)))

    def smoothed() -> Iterator[Block]:
        for box in tiles:
            wide = Box(box.z0, box.z1, box.y0 - halo, box.y1 + halo, box.x0 - halo, box.x1 + halo)
            wide = wide.clipped(stack.shape_zyx)
            classes = source.classes.read(wide)[0]
            found = mean_field(_probs_or_certain(source, wide, classes), stack.read(wide)[0], how).argmax(axis=0) + 1
            y, x = box.y0 - wide.y0, box.x0 - wide.x0
            here = (slice(y, y + box.shape[1]), slice(x, x + box.shape[2]))
            # What is not classified stays so.
            yield box, np.where(classes[here] > 0, found[here], 0).astype(np.uint8)[None]

    writing.map(source, smoothed(), len(tiles), "smoothed", strength=strength)


def drop_small(source: SourceMap, least: int, writing: Writing) -> None:
    """Give crumbs to what is around them, section by section; a section is held as a whole."""
    from napari_em_autoclass.core.refinement.small_pieces import without_small_pieces

    def cleaned() -> Iterator[Block]:
        for box, classes in _sections(source.classes):
            yield box, without_small_pieces(classes, least).astype(np.uint8)[None]

    writing.map(source, cleaned(), source.classes.shape_zyx[0], "cleaned", least=least)


def vote(source: SourceMap, masks: str, per_section: bool, writing: Writing) -> None:
    """Fill masks with the class that wins them: one pass to count, one to fill.

    Raises
    ------
    InputError
        If the masks can't be read, or have another shape.
    """
    from napari_em_autoclass.core.refinement.mask_vote import MaskVotes, voted
    from napari_em_autoclass.core.scores.stream import open_ids
    from napari_em_autoclass.io.class_map_file import read_class_map

    drawn = open_ids(read_class_map(masks)[0], "masks")
    if drawn.shape_zyx != source.classes.shape_zyx:
        raise InputError(f"class map {source.classes.shape_zyx} and masks {drawn.shape_zyx} differ in shape")

    def counted(boxes: Iterable[Box]) -> NDArray[np.uint8]:
        votes = MaskVotes(source.n_classes)
        for box in boxes:
            if source.probabilities is None:
                votes.add_classes(drawn.read(box), source.classes.read(box))
            else:
                votes.add(drawn.read(box), np.asarray(source.probabilities[(slice(None), *box.slices)]))
        return votes.winners()

    def filled() -> Iterator[Block]:
        sections = [box for box, _ in _boxes(source.classes)]
        winners = None if per_section else counted(sections)
        for box in sections:
            won = counted([box]) if winners is None else winners
            yield box, voted(drawn.read(box), source.classes.read(box).astype(np.uint8), won)

    writing.map(source, filled(), source.classes.shape_zyx[0], "voted", masks=masks)


def group(source: SourceMap, n_groups: int, writing: Writing) -> None:
    """Merge classes by how they turn into each other along z."""
    from napari_em_autoclass.core.refinement.communities import communities, count_transitions

    found = communities(count_transitions(source.classes.data, source.n_classes), n_groups)
    lookup = np.arange(source.n_classes + 1, dtype=np.uint8)
    for members in found:
        lookup[list(members)] = members[0]

    def merged() -> Iterator[Block]:
        for box, classes in _sections(source.classes):
            yield box, lookup[classes][None]

    writing.map(source, merged(), source.classes.shape_zyx[0], "grouped", groups=[list(members) for members in found])


def number_objects(source: SourceMap, class_ids: tuple[int, ...], cutting: tuple[int, float], writing: Writing) -> None:
    """Give the objects of some classes numbers, from the middle section to both ends.

    Raises
    ------
    InputError
        If a class is not in the map.
    """
    from napari_em_autoclass.cli.progress import watched
    from napari_em_autoclass.core.refinement.maskcut import Cutting
    from napari_em_autoclass.core.refinement.z_links import objects_by_section
    from napari_em_autoclass.io.objects_file import write_objects

    if not set(class_ids) <= set(range(1, source.n_classes + 1)):
        raise InputError(f"classes {list(class_ids)} are not in the map; its ids are 1 to {source.n_classes}")
    depth, height, width = shape = source.classes.shape_zyx

    def read(z: int) -> tuple[NDArray[np.bool_], NDArray[Any] | None]:
        box = Box(z, z + 1, 0, height, 0, width)
        inside = np.isin(source.classes.read(box)[0], class_ids)
        # Only what tells the classes apart that were asked for: the others are outside anyway.
        if source.probabilities is None or len(class_ids) < 2:
            return inside, None
        asked = [np.asarray(source.probabilities[(k - 1, *box.slices)])[0] for k in class_ids]
        return inside, np.stack(asked).astype(np.float32)

    cell_px, most_neck = cutting
    found = objects_by_section(read, depth, Cutting(cell_px=cell_px, most_neck=most_neck))
    watching = watched(found, depth, "numbering", writing.as_json)
    write_objects(writing.out, watching, shape, source.voxel_size_nm, writing.overwrite)


def _probs_or_certain(source: SourceMap, box: Box, classes: NDArray[Any]) -> NDArray[np.float32]:
    """Return the probabilities (K, h, w) of a part of a section, made up from its classes where none are known."""
    from napari_em_autoclass.core.refinement.mean_field import unary_of_classes

    if source.probabilities is None:
        return unary_of_classes(classes, source.n_classes)
    stored = np.asarray(source.probabilities[(slice(None), *box.slices)])[:, 0]
    return np.asarray(stored / np.float32(255), np.float32)


def _boxes(volume: Volume) -> Iterator[tuple[Box, int]]:
    depth, height, width = volume.shape_zyx
    for z in range(depth):
        yield Box(z, z + 1, 0, height, 0, width), z


def _sections(volume: Volume) -> Iterator[tuple[Box, NDArray[Any]]]:
    for box, _ in _boxes(volume):
        yield box, volume.read(box)[0]
