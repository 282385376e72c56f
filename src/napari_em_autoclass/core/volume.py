"""A lazy (Z, Y, X) stack with its voxel size, and boxes cut from it.

Nothing here reads more than the box asked for: `Volume.data` may be a NumPy memory map, a Zarr array, an HDF5 data set,
a Dask array, or anything else with ``shape``, ``dtype`` and slicing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import numpy as np

from napari_em_autoclass.core.chunk_grid import ChunkGrid, chunk_grid
from napari_em_autoclass.core.errors import InputError, UnreadableError

__all__ = ["MAX_LENGTH", "VOXEL_SIZES_NM", "ArrayLike", "Box", "Volume", "fingerprint"]

MAX_LENGTH: Final = 2**24
"""Of an axis, in voxels; some numbers are kept for each section, whatever a file says how many there are."""
VOXEL_SIZES_NM: Final = (1e-3, 1e7)
"""The smallest and the largest there can be; files may say anything."""


class ArrayLike(Protocol):
    """What a stack must offer: a shape, a dtype and slicing."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> Any:
        """NumPy dtype, or something that converts to one."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return the block at `key`, a tuple of slices."""


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open box of voxels, in z, y, x order."""

    z0: int
    z1: int
    y0: int
    y1: int
    x0: int
    x1: int

    @classmethod
    def whole(cls, shape_zyx: tuple[int, int, int]) -> Self:
        """Return the box that covers a stack of `shape_zyx`."""
        z, y, x = shape_zyx
        return cls(0, z, 0, y, 0, x)

    @classmethod
    def parse(cls, text: str, shape_zyx: tuple[int, int, int]) -> Self:
        """Return the box written as ``z0:z1,y0:y1,x0:x1``; an empty bound means the edge of the stack.

        Raises
        ------
        InputError
            If the text has another form, or the box is empty or outside the stack.
        """
        parts = [re.fullmatch(r"\s*(\d*)\s*:\s*(\d*)\s*", part) for part in text.split(",")]
        if len(parts) != 3 or any(part is None for part in parts):
            raise InputError(f"region {text!r} is not z0:z1,y0:y1,x0:x1; write e.g. 0:30,0:512,0:512")
        bounds: list[int] = []
        for axis, part, length in zip("zyx", parts, shape_zyx, strict=True):
            low, high = (int(part[1] or 0), int(part[2] or length)) if part else (0, 0)
            if not 0 <= low < high <= length:
                raise InputError(f"region {low}:{high} along {axis} is empty or outside the stack (0:{length})")
            bounds += [low, high]
        return cls(*bounds)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Lengths along z, y, x."""
        return self.z1 - self.z0, self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The box as an index for an array."""
        return slice(self.z0, self.z1), slice(self.y0, self.y1), slice(self.x0, self.x1)

    def clipped(self, shape_zyx: tuple[int, int, int]) -> Box:
        """Return the part of the box that lies inside a stack of `shape_zyx`."""
        z, y, x = shape_zyx
        return Box(max(self.z0, 0), min(self.z1, z), max(self.y0, 0), min(self.y1, y), max(self.x0, 0), min(self.x1, x))


@dataclass(frozen=True, slots=True)
class Volume:
    """A lazy stack.

    Parameters
    ----------
    data : ArrayLike, shape (Z, Y, X), any integer or float dtype
    voxel_size_nm : (z, y, x) in nm, each positive
    name : what the stack is called in the dock and in layer names
    source : where it came from (a path, a layer name); stored as provenance

    Raises
    ------
    InputError
        If the array has not exactly three axes, an axis is empty, the dtype is not numeric and real, or the voxel size
        is not three positive numbers.
    """

    data: ArrayLike
    voxel_size_nm: tuple[float, float, float]
    name: str = "stack"
    source: str = ""

    def __post_init__(self) -> None:
        """Check at the door, once."""
        shape = tuple(int(n) for n in self.data.shape)
        if len(shape) != 3:
            raise InputError(
                f"{self.name}: expected a stack with axes (Z, Y, X), got shape {shape}; "
                "choose one channel and time point"
            )
        if min(shape) < 1:
            raise InputError(f"{self.name}: the stack of shape {shape} is empty")
        if max(shape) > MAX_LENGTH:
            raise InputError(f"{self.name}: the stack of shape {shape} is longer than {MAX_LENGTH} voxels; crop it")
        kind = np.dtype(self.data.dtype).kind
        if kind not in "iufb":
            raise InputError(
                f"{self.name}: pixels of dtype {self.data.dtype} can't be used; convert to an integer or float type"
            )
        size = tuple(float(s) for s in self.voxel_size_nm)
        if len(size) != 3 or not all(VOXEL_SIZES_NM[0] <= s <= VOXEL_SIZES_NM[1] for s in size):
            raise InputError(
                f"{self.name}: voxel size {self.voxel_size_nm} must be three positive numbers in nm (z, y, x), "
                f"{VOXEL_SIZES_NM[0]:g} to {VOXEL_SIZES_NM[1]:g}"
            )
        object.__setattr__(self, "voxel_size_nm", size)

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        z, y, x = (int(n) for n in self.data.shape)
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the stored voxels."""
        stored: np.dtype[Any] = np.dtype(self.data.dtype)
        return stored

    def read(self, box: Box) -> np.ndarray[Any, Any]:
        """Return the voxels of `box`, shape `box.shape`, in the stored dtype.

        Raises
        ------
        UnreadableError
            If the file can't be read there (a corrupt or missing chunk, a file that was moved).
        """
        try:
            block = np.asarray(self.data[box.slices])
        except Exception as error:
            # Codecs, HDF5, Zarr and the file system each raise their own; to the user all of them mean the same.
            where = f"sections {box.z0} to {box.z1 - 1}"
            raise UnreadableError(
                f"{self.name}: can't read {where} ({type(error).__name__}: {_one_line(error)}); the file may be damaged"
            ) from error
        if block.shape != box.shape:
            raise UnreadableError(
                f"{self.name}: asked for a block of {box.shape}, got {block.shape}; the file may be truncated"
            )
        return block

    def section(self, z: int) -> np.ndarray[Any, Any]:
        """Return section `z`, shape (Y, X)."""
        _, y, x = self.shape_zyx
        return np.asarray(self.read(Box(z, z + 1, 0, y, 0, x))[0])

    def crop(self, box: Box) -> Volume:
        """Return the lazy part of the volume inside `box`; its voxel (0, 0, 0) is the corner of the box."""
        if box == Box.whole(self.shape_zyx):
            return self
        return Volume(_Cropped(self.data, box), self.voxel_size_nm, self.name, self.source)


def fingerprint(volume: Volume) -> str:
    """Return a short hash of shape, dtype, voxel size and some voxels: equal data give equal hashes.

    Raises
    ------
    UnreadableError
        If none of these voxels can be read.
    """
    unreadable = []
    digest = hashlib.sha256(repr((volume.shape_zyx, volume.dtype.str, volume.voxel_size_nm)).encode())
    depth, height, width = volume.shape_zyx
    for z in sorted({0, depth // 2, depth - 1}):
        y, x = max(0, height // 2 - 32), max(0, width // 2 - 32)
        try:
            block = volume.read(Box(z, z + 1, y, min(y + 64, height), x, min(x + 64, width)))
        except UnreadableError as error:  # a damaged chunk is one of the marks of the volume
            unreadable.append(error)
            digest.update(b"unreadable")
            continue
        digest.update(np.ascontiguousarray(block).tobytes())
    if len(unreadable) == len({0, depth // 2, depth - 1}):
        raise unreadable[0]
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Cropped:
    """A lazy window on an array: only `Volume.read` uses it, so only tuples of plain slices arrive."""

    data: ArrayLike
    box: Box

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.box.shape

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    @property
    def chunk_grid(self) -> ChunkGrid | None:
        of_all = chunk_grid(self.data)
        return of_all.seen_from((self.box.z0, self.box.y0, self.box.x0)) if of_all is not None else None

    def __getitem__(self, key: tuple[slice, slice, slice]) -> Any:
        origin = (self.box.z0, self.box.y0, self.box.x0)
        moved = tuple(
            slice(start + corner, stop + corner)
            for (start, stop, _), corner in zip(
                (part.indices(length) for part, length in zip(key, self.shape, strict=True)), origin, strict=True
            )
        )
        return self.data[moved]


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:120] if lines else "no details"
