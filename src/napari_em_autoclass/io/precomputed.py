"""Neuroglancer's precomputed volumes: a folder or an address with a file ``info``.

Source: the format is described in Neuroglancer's repository, src/datasource/precomputed/volume.md.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.axes import choose_axes
from napari_em_autoclass.io.levels import fitting_level
from napari_em_autoclass.io.ome_zarr import Multiscale
from napari_em_autoclass.io.request import build_volume, refuse_dataset, refuse_level, stack_name
from napari_em_autoclass.io.tensor_array import metadata_of, open_tensor
from napari_em_autoclass.io.units import to_nm
from napari_em_autoclass.io.zarr_store import inside

if TYPE_CHECKING:
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.remote import Place
    from napari_em_autoclass.io.request import ReadRequest

__all__ = ["FORMAT", "INFO", "can_read", "read"]

FORMAT = "Neuroglancer precomputed (folder with an info file)"
INFO: Final = "info"
_DRIVER: Final = "neuroglancer_precomputed"
_PACKED: Final = {".gz", ".br", ".zstd"}


def can_read(path: Place) -> bool:
    """Tell whether `path` is such a volume, or one of its levels."""
    return _has_info(path) or _level_of(path) is not None


def read(path: Place, request: ReadRequest) -> Volume:
    """Return one level of a precomputed volume, without reading voxels.

    Parameters
    ----------
    path : of the volume, or of one of its levels
    request : what is asked

    Raises
    ------
    InputError
        If there is no such level, the metadata is damaged or leads elsewhere, or TensorStore is not installed.
    """
    name = stack_name(path)
    refuse_dataset(request, name)
    info = metadata_of(path, INFO)
    if info is None:
        found = _level_of(path)
        if found is None:
            raise InputError(f"{path}: no file {INFO!r} there, so it is no precomputed volume; check the path")
        refuse_level(request, name)
        return _read_level(path.parents[0], *found, request)
    multiscale = _multiscale(info, name)
    level = request.level if request.level is not None else fitting_level(multiscale, request)
    if not 0 <= level < len(multiscale.paths):
        raise InputError(f"{name}: has resolution levels 0 to {len(multiscale.paths) - 1} and no level {level}")
    return _read_level(path, multiscale, level, request)


def _read_level(path: Place, multiscale: Multiscale, level: int, request: ReadRequest) -> Volume:
    name = stack_name(path)
    at = inside(path, multiscale.paths[level], name)
    _refuse_packed_files(at, name)
    array = open_tensor(path, {"driver": _DRIVER, "scale_index": level}, name)  # (C, Z, Y, X)
    axes = choose_axes(array.shape, "CZYX", request.axes, name)
    scale = dict(zip("ZYX", multiscale.scales_nm[level], strict=True))
    return build_volume(array, axes, scale, request, (name, str(at if level else path)))


def _has_info(path: Place) -> bool:
    at = path / INFO
    if not isinstance(at, Path):
        return at.is_file()
    if not at.is_file():
        return False
    with at.open("rb") as file:  # a file of that name may lie in any folder
        return file.read(64).lstrip()[:1] == b"{"


def _level_of(path: Place) -> tuple[Multiscale, int] | None:
    """Return the levels of the volume in the folder above, and which of them `path` is; None if it is none."""
    if not path.parents or not _has_info(path.parents[0]):
        return None
    multiscale = _multiscale(metadata_of(path.parents[0], INFO) or {}, path.parents[0].name)
    return (multiscale, multiscale.paths.index(path.name)) if path.name in multiscale.paths else None


def _multiscale(info: dict[str, Any], name: str) -> Multiscale:
    """Return the levels that the metadata describe, the finest first as the format demands."""
    scales = info.get("scales")
    if not isinstance(scales, list) or not scales or not all(_is_described(scale) for scale in scales):
        raise InputError(f"{name}: its info describes no volume of resolution levels; check the path, or copy it again")
    sizes = (tuple(to_nm(size, "nm") for size in reversed(scale["resolution"])) for scale in scales)
    return Multiscale("ZYX", tuple(scale["key"] for scale in scales), tuple(sizes))


def _is_described(scale: Any) -> bool:
    if not isinstance(scale, dict) or not isinstance(scale.get("key"), str):
        return False
    resolution = scale.get("resolution")
    return isinstance(resolution, list) and len(resolution) == 3


def _refuse_packed_files(level: Place, name: str) -> None:
    """Refuse chunks in files ``*.gz``, which would be passed over as if they were not there, and be black.

    Raises
    ------
    InputError
        If there are such. Where a server unpacks them, which is how they are meant to be served, all is well.
    """
    if not isinstance(level, Path) or not level.is_dir():
        return
    with os.scandir(level) as entries:  # of which there may be millions
        first = next(entries, None)
    suffix = Path(first.name).suffix if first is not None else ""
    if suffix in _PACKED:
        raise InputError(
            f"{name}: its chunks are packed in files {suffix}, as a server would send them; "
            f"unpack them first, e.g. by: gunzip -r {level.parent}"
        )
