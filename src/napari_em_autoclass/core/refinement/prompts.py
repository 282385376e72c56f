"""From a class to prompts for tools that ask where to look: a point inside each piece, and a box around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import ndimage

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.scores.stream import open_ids, read_ids
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["Prompt", "prompts_in_3d", "prompts_in_sections"]

# In 3D the class and its pieces are held as a whole: 5 bytes a voxel, 10 GB.
_MOST_VOXELS_3D: Final = 2 * 10**9


@dataclass(frozen=True, slots=True)
class Prompt:
    """Where a piece of a class is.

    Parameters
    ----------
    class_id : of the class asked for; of several that were asked for together the first
    point_zyx : the pixel of the piece that is farthest from its border
    box : around the piece, half-open; of one section unless pieces were looked for in 3D
    size : pixels or voxels of the piece
    """

    class_id: int
    point_zyx: tuple[int, int, int]
    box: Box
    size: int


def prompts_in_sections(classes: ArrayLike, class_ids: Sequence[int], least: int = 1) -> Iterator[Prompt]:
    """Yield a prompt for each connected piece in each section, holding one section at a time.

    Parameters
    ----------
    classes : (Z, Y, X) integers
    class_ids : taken together, as one class
    least : pieces of fewer pixels are left out

    Raises
    ------
    InputError
        If no class is asked for, or ids are no integers or negative.
    """
    volume = open_ids(classes, "class map")
    wanted = _wanted(class_ids)
    depth, height, width = volume.shape_zyx
    for z in range(depth):
        section = read_ids(volume, Box(z, z + 1, 0, height, 0, width), np.iinfo(np.int64).max)
        yield from _prompts(np.isin(section, wanted), wanted[0], least, (z, 0, 0))


def prompts_in_3d(
    classes: ArrayLike, class_ids: Sequence[int], least: int = 1, voxel_size_nm: tuple[float, float, float] = (1, 1, 1)
) -> Iterator[Prompt]:
    """Yield a prompt for each piece that is connected in 3D; the class is held in memory as a whole.

    `voxel_size_nm` (z, y, x) tells what is farthest from the border; the rest as `prompts_in_sections`.

    Raises
    ------
    InputError
        As `prompts_in_sections`, and if there are more than 2e9 voxels.
    """
    volume = open_ids(classes, "class map")
    wanted = _wanted(class_ids)
    if np.prod(volume.shape_zyx, dtype=float) > _MOST_VOXELS_3D:
        raise InputError(f"{volume.shape_zyx} voxels are too many for prompts in 3D; ask for them section by section")
    inside = np.zeros(volume.shape_zyx, bool)
    depth, height, width = volume.shape_zyx
    for z in range(depth):
        inside[z] = np.isin(read_ids(volume, Box(z, z + 1, 0, height, 0, width), np.iinfo(np.int64).max)[0], wanted)
    yield from _prompts(inside, wanted[0], least, (0, 0, 0), voxel_size_nm)


def _wanted(class_ids: Sequence[int]) -> list[int]:
    wanted = list(class_ids)
    if not wanted or min(wanted) < 1:
        raise InputError(f"prompts for classes {wanted} make no sense; give ids from 1 on")
    return wanted


def _prompts(
    inside: NDArray[np.bool_],
    class_id: int,
    least: int,
    corner: tuple[int, int, int],
    sampling: tuple[float, float, float] = (1, 1, 1),
) -> Iterator[Prompt]:
    """Yield the prompts of the pieces of `inside` (z, y, x), whose first voxel is at `corner`."""
    pieces, _ = ndimage.label(inside)
    for number, where in enumerate(ndimage.find_objects(pieces), start=1):
        piece = pieces[where] == number
        size = int(np.count_nonzero(piece))
        if size < least:
            continue
        low = [part.start + at for part, at in zip(where, corner, strict=True)]
        high = [part.stop + at for part, at in zip(where, corner, strict=True)]
        inner = _deepest(piece, sampling)
        z, y, x = (int(a + b) for a, b in zip(low, inner, strict=True))
        yield Prompt(class_id, (z, y, x), Box(low[0], high[0], low[1], high[1], low[2], high[2]), size)


def _deepest(piece: NDArray[np.bool_], sampling: tuple[float, float, float]) -> tuple[Any, ...]:
    """Return the voxel of a piece that is farthest from its border, which is inside however bent the piece."""
    if len(piece) == 1:  # its faces above and below are no border
        y_x = _deepest_of(np.pad(piece[0], 1), sampling[1:])
        return 0, y_x[0] - 1, y_x[1] - 1
    return tuple(at - 1 for at in _deepest_of(np.pad(piece, 1), sampling))


def _deepest_of(padded: NDArray[np.bool_], sampling: Sequence[float]) -> tuple[Any, ...]:
    depth = ndimage.distance_transform_edt(padded, sampling=sampling)
    return np.unravel_index(int(depth.argmax()), padded.shape)
