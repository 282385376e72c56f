"""TIFF, OME-TIFF, BigTIFF and ImageJ stacks: mapped where stored plainly, else decoded section by section."""

from __future__ import annotations

import math
import weakref
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.axes import Axes, choose_axes
from napari_em_autoclass.io.lazy import SectionStack
from napari_em_autoclass.io.request import build_volume, stack_name
from napari_em_autoclass.io.tiff_damage import refuse_cut_off, refuse_damage, refuse_files_elsewhere
from napari_em_autoclass.io.tiff_scale import voxel_size_from_tiff

if TYPE_CHECKING:
    from pathlib import Path

    from napari_em_autoclass.core.volume import ArrayLike, Volume
    from napari_em_autoclass.io.request import ReadRequest

__all__ = ["FORMAT", "can_read", "read", "refuse_colour"]

FORMAT = "TIFF and OME-TIFF (.tif, .tiff, .btf)"
_SUFFIXES = {".tif", ".tiff", ".btf", ".tf2", ".tf8"}
# Sections above this are read tile by tile instead of whole.
_LARGE_SECTION_BYTES = 128 * 2**20


def can_read(path: Path) -> bool:
    """Tell whether `path` is a TIFF file, by its suffix."""
    return path.is_file() and path.suffix.lower() in _SUFFIXES


def read(path: Path, request: ReadRequest) -> Volume:
    """Return a TIFF series as a volume, without reading voxels.

    Raises
    ------
    InputError
        If the file is damaged, holds colours, or several series and none is named.
    """
    name = stack_name(path)
    with refuse_damage(name):
        return _read(path, request, name)


def _read(path: Path, request: ReadRequest, name: str) -> Volume:
    file = tifffile.TiffFile(path)
    try:
        refuse_files_elsewhere(file, name)
        index = _series_index(file, request.dataset, name)
        series = _level(file.series[index], request.level, name)
        if request.axes is None:
            refuse_colour(series.keyframe, path.name)
        axes = choose_axes(series.shape, series.axes, request.axes, name)
        scale = voxel_size_from_tiff(file, index, _coarsening(file.series[index], series))
        data, left = _lazy(path, file, series, axes)
        source = str(path) if request.dataset is None else f"{path}:/{index}"
        volume = build_volume(data, left, scale, request, (name, source))
    except BaseException:
        file.close()
        raise
    if isinstance(data, np.memmap):
        file.close()
    else:
        # The file stays open as long as the array lives.
        weakref.finalize(data, file.close)
    return volume


def refuse_colour(page: Any, name: str) -> None:
    """Refuse a page with colours or several samples a pixel.

    Raises
    ------
    InputError
        If the page is RGB, RGBA or another colour image.
    """
    colours = {"RGB", "YCBCR", "CIELAB", "SEPARATED"}
    if page.samplesperpixel > 1 or getattr(page.photometric, "name", "") in colours:
        raise InputError(f"{name}: is a colour (RGB) image; convert it to grey, e.g. in Fiji with Image > Type > 8-bit")


def _series_index(file: tifffile.TiffFile, dataset: str | None, name: str) -> int:
    shapes = [f"{i}: {s.axes} {s.shape}" for i, s in enumerate(file.series)]
    if dataset is not None:
        if not dataset.strip("/").isdigit() or int(dataset.strip("/")) >= len(shapes):
            raise InputError(f"{name}: no series {dataset!r} in the file; it holds {'; '.join(shapes)}")
        return int(dataset.strip("/"))
    stacks = [i for i, series in enumerate(file.series) if len(series.shape) >= 3]
    if len(stacks) > 1:
        raise InputError(f"{name}: holds several stacks ({'; '.join(shapes)}); choose one with dataset")
    if not shapes:
        raise InputError(f"{name}: holds no image")
    return stacks[0] if stacks else 0


def _level(series: tifffile.TiffPageSeries, level: int | None, name: str) -> tifffile.TiffPageSeries:
    levels = series.levels
    if not 0 <= (level or 0) < len(levels):
        raise InputError(f"{name}: has resolution levels 0 to {len(levels) - 1} and no level {level}")
    return levels[level or 0]


def _coarsening(finest: tifffile.TiffPageSeries, series: tifffile.TiffPageSeries) -> dict[str, float]:
    """Return how many voxels of level 0 one voxel of `series` spans, by letter of the axis."""
    if finest.axes != series.axes:
        return {}
    return {a: fine / coarse for a, fine, coarse in zip(finest.axes, finest.shape, series.shape, strict=True)}


def _lazy(path: Path, file: tifffile.TiffFile, series: tifffile.TiffPageSeries, axes: Axes) -> tuple[ArrayLike, Axes]:
    """Return a lazy array, and the axes that are left in it."""
    keyframe = series.keyframe
    offset = None if series.is_multifile else series.dataoffset
    if offset is not None and keyframe.is_memmappable:
        dtype = np.dtype(file.byteorder + series.dtype.char)
        return np.memmap(path, dtype, "r", offset, series.shape), axes
    refuse_cut_off(series, stack_name(path))
    whole_pages = keyframe.shape == series.shape[-2:] and len(series) == math.prod(series.shape[:-2])
    if whole_pages and axes.kept == "ZYX" and axes.letters.endswith("YX") and keyframe.nbytes <= _LARGE_SECTION_BYTES:
        return _sections(series, axes), Axes("ZYX", (None,) * 3)
    array = zarr.open_array(series.aszarr(level=0), mode="r", zarr_format=2)
    if array.shape != series.shape:
        raise InputError(f"{stack_name(path)}: can't be read lazily; save it as an uncompressed TIFF or as OME-Zarr")
    return array, axes


def _sections(series: tifffile.TiffPageSeries, axes: Axes) -> SectionStack:
    lead = series.shape[:-2]
    index = tuple(slice(None) if pick is None else pick for pick in axes.picks[:-2])
    pages = np.arange(math.prod(lead)).reshape(lead)[index]  # (Z,)
    lock = Lock()

    def read_section(z: int) -> np.ndarray[Any, Any]:
        with lock:  # pages are parsed on demand, from one file handle
            page = series[int(pages[z])]
            if page is None:
                raise ValueError(f"section {z} is missing from the file")
            handle = page.parent.filehandle
            if not handle.closed:
                return np.asarray(page.asarray())
            # The other files of an OME-TIFF in several files, which tifffile closes after a look at them.
            handle.open()
            try:
                return np.asarray(page.asarray())
            finally:
                handle.close()

    y, x = series.shape[-2:]
    return SectionStack((len(pages), y, x), series.dtype, read_section)
