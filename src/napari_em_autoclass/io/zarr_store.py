"""Zarr v2 and v3: bare arrays, groups of arrays, and OME-Zarr images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import zarr

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.limits import MAX_JSON_BYTES
from napari_em_autoclass.io import asem
from napari_em_autoclass.io.axes import choose_axes
from napari_em_autoclass.io.levels import fitting_level
from napari_em_autoclass.io.ome_zarr import Multiscale, find_multiscale, multiscale_of
from napari_em_autoclass.io.remote import store_of
from napari_em_autoclass.io.remote_errors import RemoteError
from napari_em_autoclass.io.request import build_volume, refuse_level, stack_name
from napari_em_autoclass.io.units import scale_from_attributes

if TYPE_CHECKING:
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.remote import Place
    from napari_em_autoclass.io.request import ReadRequest

__all__ = ["FORMAT", "can_read", "inside", "is_zarr", "open_node", "read", "stack_paths"]

FORMAT = "Zarr and OME-Zarr (.zarr)"
_MARKS = ("zarr.json", ".zarray", ".zgroup")
_MORE_METADATA = (".zattrs", ".zmetadata")


def is_zarr(path: Place) -> bool:
    """Tell whether the folder `path` is a Zarr array or group."""
    return any((path / mark).is_file() for mark in _MARKS)


def can_read(path: Place) -> bool:
    """Tell whether `path` is, or by its name should be, a Zarr store."""
    return path.is_dir() and (is_zarr(path) or path.suffix.lower() == ".zarr")


def open_node(path: Place) -> zarr.Array[Any] | zarr.Group:
    """Return the array or group at `path`, for reading.

    Raises
    ------
    InputError
        If there is none, or its metadata is damaged or far too large.
    """
    if not is_zarr(path):
        raise InputError(f"{path}: no Zarr array or group there; check the path, or copy the store again")
    if isinstance(path, Path) and any(_size(path / mark) > MAX_JSON_BYTES for mark in (*_MARKS, *_MORE_METADATA)):
        raise InputError(f"{path}: its metadata are larger than {MAX_JSON_BYTES // 2**20} MiB; copy the array alone")
    try:
        return zarr.open(store_of(path), mode="r")
    except InputError:
        raise
    except RemoteError as error:
        raise InputError(str(error)) from error
    except Exception as error:
        # JSON, key, codec and Zarr's own errors: to the user all of them are damaged metadata.
        kind = type(error).__name__
        raise InputError(f"{path}: the Zarr metadata can't be read ({kind}); copy the store again") from error


def read(path: Place, request: ReadRequest) -> Volume:
    """Return an array of a Zarr store as a volume, without reading voxels.

    Raises
    ------
    InputError
        If there is no such array or level, several stacks and none is named, or the metadata is damaged.
    """
    name = stack_name(path)
    at = path / request.dataset.strip("/") if request.dataset is not None else path
    if not is_zarr(at) and is_zarr(path):
        raise InputError(f"{name}: no dataset {request.dataset!r} in the store; it holds {_listed(stack_paths(path))}")
    node = open_node(at)
    if isinstance(node, zarr.Group) and multiscale_of(node) is None:
        at = _only_stack(at, name)
        node = open_node(at)
    if isinstance(node, zarr.Group):
        return _read_multiscale(at, node, request, name)
    refuse_level(request, name)
    return _read_array(at, node, request, name)


def _read_multiscale(at: Place, group: zarr.Group, request: ReadRequest, name: str) -> Volume:
    multiscale = multiscale_of(group)
    assert multiscale is not None
    level = request.level if request.level is not None else fitting_level(multiscale, request)
    if not 0 <= level < len(multiscale.paths):
        raise InputError(f"{name}: has resolution levels 0 to {len(multiscale.paths) - 1} and no level {level}")
    array_at = inside(at, multiscale.paths[level], name)
    array = open_node(array_at)
    if not isinstance(array, zarr.Array):
        raise InputError(f"{name}: the metadata names {multiscale.paths[level]!r} as an array, which it is not")
    return _build(array, multiscale, level, request, (name, str(array_at if level else at)))


def _read_array(at: Place, array: zarr.Array[Any], request: ReadRequest, name: str) -> Volume:
    found = find_multiscale(at)
    if found is not None:
        return _build(array, *found, request, (name, str(at)))
    axes = choose_axes(array.shape, _dimension_names(array), request.axes, name)
    sizes = scale_from_attributes(dict(array.attrs), len(array.shape))
    scale = dict(zip(axes.letters, sizes, strict=True)) if sizes else {}
    return build_volume(array, axes, scale, request, (name, str(at)))


def _build(
    array: zarr.Array[Any], multiscale: Multiscale, level: int, request: ReadRequest, source: tuple[str, str]
) -> Volume:
    axes = choose_axes(array.shape, multiscale.axes, request.axes, source[0])
    sizes = multiscale.scales_nm[level]
    scale = dict(zip(axes.letters, sizes, strict=True)) if len(sizes) == len(axes.letters) else {}
    return build_volume(array, axes, scale, request, source)


def _dimension_names(array: zarr.Array[Any]) -> str | None:
    """Return the letters of the axes from Zarr v3's dimension names or xarray's attribute, if they are letters."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    letters = [str(name) for name in names] if isinstance(names, (list, tuple)) else []
    if len(letters) != len(array.shape) or not all(len(name) == 1 and name.isalpha() for name in letters):
        return None
    return "".join(letters).upper()


def _only_stack(at: Place, name: str) -> Place:
    if (raw := asem.raw_path(at)) is not None:
        return at / raw
    stacks = stack_paths(at)
    plain = [path for path, shape in stacks.items() if len(shape) in (0, 3)] or list(stacks)
    if not plain:
        raise InputError(f"{name}: holds no stack with three axes (Z, Y, X); give a store that does")
    if len(plain) > 1:
        raise InputError(f"{name}: holds {_listed(stacks)}; choose one with dataset, or give its path in the store")
    return at / plain[0]


def inside(at: Place, path: str, name: str) -> Place:
    """Return the place that metadata name below the group at `at`.

    Raises
    ------
    InputError
        If it is not below: metadata may come from anybody, and must not choose what else is read.
    """
    parts = path.split("/")
    is_below = not path.startswith("/") and ".." not in parts and not set("\\:?#%\0") & set(path)
    found = at / path
    if is_below and isinstance(found, Path) and isinstance(at, Path):
        is_below = found.resolve().is_relative_to(at.resolve())  # a symbolic link may lead out
    if not is_below:
        raise InputError(
            f"{name}: the metadata name a level {path[:80]!r} that is not inside of it; open that by itself"
        )
    return found


def stack_paths(at: Place, prefix: str = "", depth: int = 4) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array with three or more axes below `at`, by its path; () for an OME-Zarr image.

    Parameters
    ----------
    at : a Zarr array or group
    prefix : put before each path
    depth : how many groups deep to look

    Raises
    ------
    InputError
        If the metadata of a group is damaged.
    """
    node = open_node(at)
    if isinstance(node, zarr.Array):
        return {prefix.rstrip("/"): node.shape} if len(node.shape) >= 3 else {}
    if prefix and multiscale_of(node) is not None:
        return {prefix.rstrip("/"): ()}
    children = [child for child in _folders(at) if is_zarr(child)] if depth else []
    found: dict[str, tuple[int, ...]] = {}
    for child in children:
        found |= stack_paths(child, f"{prefix}{child.name}/", depth - 1)
    return found


def _size(at: Path) -> int:
    return at.stat().st_size if at.is_file() else 0


def _folders(at: Place) -> list[Place]:
    return sorted((child for child in at.iterdir() if child.is_dir()), key=str)


def _listed(stacks: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{path} {shape or 'OME-Zarr image'}" for path, shape in stacks.items()) or "no stack"
