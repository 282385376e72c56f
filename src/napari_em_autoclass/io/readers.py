"""One door for every format: `open_volume`."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io import hdf5, mrc, n5, npy, precomputed, section_folder, tiff, zarr_store
from napari_em_autoclass.io.remote import Place, RemotePath, is_url, named_format, place_of
from napari_em_autoclass.io.request import LevelFit, ReadRequest
from napari_em_autoclass.io.section_folder import is_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_em_autoclass.core.volume import Volume

__all__ = ["READERS", "Reader", "list_stacks", "open_volume"]

T = TypeVar("T")


class Reader(Protocol):
    """What a module must offer to be a reader."""

    FORMAT: str
    """The format and its suffixes, for messages."""

    def can_read(self, path: Path) -> bool:
        """Tell, fast, whether this reader is in charge of `path`."""

    def read(self, path: Path, request: ReadRequest) -> Volume:
        """Return the lazy volume."""


class _ReaderElsewhere(Protocol):
    """A reader that takes addresses too."""

    def can_read(self, path: Place) -> bool: ...

    def read(self, path: Place, request: ReadRequest) -> Volume: ...


# The first that is in charge reads. Some formats are folders, so they come before the folder of sections.
READERS: tuple[Reader, ...] = (tiff, zarr_store, precomputed, n5, section_folder, hdf5, mrc, npy)
# What can be read over the network, by the name that may stand before an address.
_ELSEWHERE: dict[str, _ReaderElsewhere] = {"zarr": zarr_store, "precomputed": precomputed, "n5": n5}


def open_volume(
    path: str | os.PathLike[str],
    *,
    dataset: str | None = None,
    level: int | None = None,
    axes: str | None = None,
    voxel_size_nm: tuple[float, float, float] | None = None,
    fit: LevelFit | None = None,
) -> Volume:
    """Return the stack in a file or folder as a lazy volume; no voxels are read.

    Parameters
    ----------
    path : a file or folder of any supported format, or the address of a Zarr store, a precomputed volume or N5
        (``s3://``, ``gs://``, ``https://``; the format may stand before it, as ``precomputed://https://…``); an array
        inside may be appended, as ``file.h5:/group/data`` or ``store.zarr/group/data``
    dataset : an array inside HDF5 or Zarr, or the index of a TIFF series; None takes the only stack there is
    level : of a pyramid; None is that which fits `fit`, or 0, the finest
    axes : what each axis of the array is, e.g. ``"ZYX"``, ``"XYZ"`` or ``"C[0]ZYX"``; None asks the file
    voxel_size_nm : (z, y, x) in nm; stands above what the file says
    fit : what the level of a pyramid is wanted for, see `levels.fitting_level`

    Raises
    ------
    InputError
        If there is no stack there that can be read as asked; the message says what to do.
    MissingVoxelSize
        If no voxel size is given and the file tells none.
    """
    named, text = named_format(os.fspath(path))
    if is_url(text):
        return _open_remote(named, text, ReadRequest(dataset, level, axes, voxel_size_nm, fit))
    try:
        at, inside = _split(text)
    except OSError as error:
        raise InputError(
            f"{text}: can't be looked up ({error.strerror}); check the path and its permissions"
        ) from error
    request = ReadRequest(dataset if dataset is not None else inside, level, axes, voxel_size_nm, fit)
    if not os.access(at, os.R_OK):
        raise InputError(f"{at}: no permission to read it; change its permissions or copy it")
    reader = next((reader for reader in READERS if reader.can_read(at)), None)
    if reader is not None:
        return _guarded(partial(reader.read, at, request), at)
    if is_image(at):
        raise InputError(f"{at.name}: is one image, but a stack of sections is needed; give the folder that holds them")
    formats = "; ".join(reader.FORMAT for reader in READERS)
    raise InputError(f"{at}: unknown format; supported are {formats}")


def _open_remote(named: str, url: str, request: ReadRequest) -> Volume:
    place = place_of(url)
    if not isinstance(place, RemotePath):
        return open_volume(
            place,
            dataset=request.dataset,
            level=request.level,
            axes=request.axes,
            voxel_size_nm=request.voxel_size_nm,
            fit=request.fit,
        )
    if any(place.suffix.lower() == suffix for suffix in (".tif", ".tiff", ".h5", ".hdf5", ".mrc", ".npy")):
        raise InputError(
            f"{url}: only Zarr, OME-Zarr, precomputed volumes and N5 can be read over the network; download the file"
        )
    return _guarded(lambda: _reader_elsewhere(named, place).read(place, request), place)


def _reader_elsewhere(named: str, place: RemotePath) -> _ReaderElsewhere:
    """Return the module that reads what is at an address; that of Zarr where nothing tells, for its messages."""
    if named in _ELSEWHERE:
        return _ELSEWHERE[named]
    is_zarr_by_name = ".zarr/" in f"{place}/"
    if is_zarr_by_name or zarr_store.is_zarr(place):
        return zarr_store
    return next((reader for reader in _ELSEWHERE.values() if reader.can_read(place)), zarr_store)


def list_stacks(path: str | os.PathLike[str]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each stack in HDF5, Zarr or N5 by its path inside, for a picker; else nothing.

    An OME-Zarr image, or a group of levels, counts as one stack, with the shape ().

    Raises
    ------
    InputError
        If there is no such file, or it can't be read.
    """
    named, text = named_format(os.fspath(path))
    if is_url(text) and isinstance(place := place_of(text), RemotePath):
        is_zarr = _guarded(lambda: _reader_elsewhere(named, place) is _ELSEWHERE["zarr"], place)
        return _guarded(lambda: zarr_store.stack_paths(place), place) if is_zarr else {}
    at, inside = _split(str(place_of(text)) if is_url(text) else text)
    if inside is None and hdf5.can_read(at):
        return _guarded(lambda: hdf5.stack_paths(at), at)
    if inside is None and zarr_store.can_read(at):
        return _guarded(lambda: zarr_store.stack_paths(at), at)
    if inside is None and not precomputed.can_read(at) and n5.can_read(at):
        return _guarded(lambda: n5.stack_paths(at), at)
    return {}


def _guarded(read: Callable[[], T], at: Place) -> T:
    try:
        return read()
    except InputError:
        raise
    except Exception as error:
        # Each library has its own errors for a damaged file; to the user all of them mean the same.
        lines = str(error).strip().splitlines()
        details = f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__
        raise InputError(f"{at.name}: can't be read ({details}); the file may be damaged") from error


def _split(text: str) -> tuple[Path, str | None]:
    """Return the file or folder that exists, and the array inside it that `text` appends."""
    at = Path(text).expanduser()
    if at.exists():
        return at, None
    file, colon, inside = text.rpartition(":")
    if colon and inside.strip("/") and Path(file).expanduser().exists():
        return Path(file).expanduser(), inside
    for above in at.parents:
        if above.is_file() or (above.is_dir() and zarr_store.is_zarr(above)):
            return above, at.relative_to(above).as_posix()
        if above.exists():
            break
    raise InputError(f"{text}: no such file or folder; check the path")
