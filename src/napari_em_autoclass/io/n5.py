"""N5: datasets, and groups of resolution levels, with the conventions for voxel sizes that EM volumes come with.

N5 names its axes with the fastest first, x, y, z.  Here they are turned round, as everywhere else.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.axes import choose_axes
from napari_em_autoclass.io.levels import fitting_level
from napari_em_autoclass.io.n5_scale import level_scale
from napari_em_autoclass.io.ome_zarr import Multiscale
from napari_em_autoclass.io.request import build_volume, refuse_level, stack_name
from napari_em_autoclass.io.tensor_array import metadata_of, open_tensor
from napari_em_autoclass.io.zarr_store import inside

if TYPE_CHECKING:
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.remote import Place
    from napari_em_autoclass.io.request import ReadRequest

__all__ = ["FORMAT", "can_read", "read", "stack_paths"]

FORMAT = "N5 (.n5)"
_ATTRIBUTES: Final = "attributes.json"
_MOST_LEVELS: Final = 32
_DEPTH: Final = 4


def can_read(path: Place) -> bool:
    """Tell whether `path` is, or by its name should be, in an N5 container."""
    if isinstance(path, Path) and not path.is_dir():
        return False
    return (
        re.search(r"\.n5(/|$)", path.as_posix() if isinstance(path, Path) else str(path)) is not None
        or (path / _ATTRIBUTES).is_file()
    )


def read(path: Place, request: ReadRequest) -> Volume:
    """Return a dataset or one resolution level of a group, without reading voxels.

    Raises
    ------
    InputError
        If there is no such dataset or level, several stacks and none is named, the metadata is damaged, or TensorStore
        is not installed.
    """
    name = stack_name(path)
    at = inside(path, request.dataset.strip("/"), name) if request.dataset is not None else path
    attributes = metadata_of(at, _ATTRIBUTES) or {}
    if _is_dataset(attributes):
        refuse_level(request, name)
        return _build(at, attributes, _scale(at, attributes), request, name)
    levels = _levels(at, attributes, name)
    if not levels and request.dataset is None and isinstance(path, Path):
        at = path / _only_stack(path, name)
        attributes = metadata_of(at, _ATTRIBUTES) or {}
        if _is_dataset(attributes):
            return _build(at, attributes, _scale(at, attributes), request, name)
        levels = _levels(at, attributes, name)
    if not levels:
        raise InputError(f"{at}: no N5 dataset and no levels s0, s1, … there; give the path of the dataset inside")
    return _read_level(at, attributes, levels, request)


def stack_paths(at: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each dataset with three or more axes below `at`, by its path; () for a group of levels.

    Raises
    ------
    InputError
        If metadata is damaged.
    """
    return _stacks(at, "", _DEPTH)


def _read_level(at: Place, group: dict[str, Any], levels: tuple[str, ...], request: ReadRequest) -> Volume:
    name = stack_name(at)
    described = [metadata_of(inside(at, path, name), _ATTRIBUTES) or {} for path in levels]
    sizes = tuple(level_scale(own, group, i) or (None,) * 3 for i, own in enumerate(described))
    multiscale = Multiscale("ZYX", levels, sizes)
    level = request.level if request.level is not None else fitting_level(multiscale, request)
    if not 0 <= level < len(levels):
        raise InputError(f"{name}: has resolution levels 0 to {len(levels) - 1} and no level {level}")
    return _build(at / levels[level], described[level], sizes[level], request, name)


def _build(
    at: Place, attributes: dict[str, Any], sizes: tuple[float | None, ...] | None, request: ReadRequest, name: str
) -> Volume:
    array = open_tensor(at, {"driver": "n5"}, name)  # axes of C
    axes = choose_axes(array.shape, _letters(attributes, len(array.shape)), request.axes, name)
    return build_volume(array, axes, dict(zip("ZYX", sizes or (None,) * 3, strict=True)), request, (name, str(at)))


def _letters(attributes: dict[str, Any], n_axes: int) -> str | None:
    """Return the letters of the axes in the order of C, if the attribute ``axes`` names them; it is in that of N5."""
    named = attributes.get("axes")
    is_plain = isinstance(named, list) and len(named) == n_axes and all(str(axis).isalpha() for axis in named)
    return "".join(str(axis)[0] for axis in reversed(named)).upper() if is_plain and named else None


def _is_dataset(attributes: dict[str, Any]) -> bool:
    return "dimensions" in attributes and "dataType" in attributes


def _scale(at: Place, attributes: dict[str, Any]) -> tuple[float | None, ...] | None:
    """Return the nm per voxel (z, y, x) of a dataset that is read by itself, though it may be a level of a group."""
    if (sizes := level_scale(attributes, {}, 0)) is not None or not at.parents:
        return sizes
    number = re.fullmatch(r"s(\d{1,2})", at.name)
    try:
        above = metadata_of(at.parents[0], _ATTRIBUTES)
    except InputError:  # it is not needed to read the voxels
        return None
    return level_scale(attributes, above or {}, int(number[1]) if number else 0)


def _levels(at: Place, attributes: dict[str, Any], name: str) -> tuple[str, ...]:
    """Return the paths of the levels below a group, the finest first; none if it has none."""
    listed = attributes.get("multiscales")
    if isinstance(listed, list) and listed and isinstance(listed[0], dict):
        datasets = listed[0].get("datasets")
        named = (
            [d["path"] for d in datasets if isinstance(d, dict) and isinstance(d.get("path"), str)] if datasets else []
        )
        if named:
            return tuple(named[:_MOST_LEVELS])
    found: list[str] = []
    while len(found) < _MOST_LEVELS:
        path = f"s{len(found)}"
        if not _is_dataset(metadata_of(inside(at, path, name), _ATTRIBUTES) or {}):
            break
        found.append(path)
    return tuple(found)


def _only_stack(at: Path, name: str) -> str:
    stacks = stack_paths(at)
    plain = [path for path, shape in stacks.items() if len(shape) in (0, 3)] or list(stacks)
    if not plain:
        raise InputError(f"{name}: holds no stack with three axes (Z, Y, X); give a container that does")
    if len(plain) > 1:
        listed = ", ".join(f"{path} {shape or 'levels'}" for path, shape in stacks.items())
        raise InputError(f"{name}: holds {listed}; choose one with dataset, or give its path in the container")
    return plain[0]


def _stacks(at: Path, prefix: str, depth: int) -> dict[str, tuple[int, ...]]:
    attributes = metadata_of(at, _ATTRIBUTES) or {}
    path = prefix.rstrip("/")
    if _is_dataset(attributes):
        shape = tuple(int(n) for n in reversed(attributes["dimensions"]))
        return {path: shape} if len(shape) >= 3 else {}
    if prefix and _levels(at, attributes, path):
        return {path: ()}
    found: dict[str, tuple[int, ...]] = {}
    children = sorted(child for child in at.iterdir() if child.is_dir() and not child.is_symlink()) if depth else ()
    for child in children:
        found |= _stacks(child, f"{prefix}{child.name}/", depth - 1)
    return found
