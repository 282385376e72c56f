"""HDF5 files: the dataset is named, or is the only stack in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.limits import parsed_json
from napari_em_autoclass.io.axes import choose_axes
from napari_em_autoclass.io.request import build_volume, refuse_level, stack_name
from napari_em_autoclass.io.units import scale_from_attributes

if TYPE_CHECKING:
    from pathlib import Path

    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.request import ReadRequest

__all__ = ["FORMAT", "can_read", "read", "stack_paths"]

FORMAT = "HDF5 (.h5, .hdf5, .hdf)"
_MAX_LINKS = 16
_SUFFIXES = {".h5", ".hdf5", ".hdf", ".he5"}


def can_read(path: Path) -> bool:
    """Tell whether `path` is an HDF5 file, by its suffix."""
    return path.is_file() and path.suffix.lower() in _SUFFIXES


def read(path: Path, request: ReadRequest) -> Volume:
    """Return a dataset of an HDF5 file as a volume, without reading voxels.

    Raises
    ------
    InputError
        If the file is damaged, has no such dataset, or several stacks and none is named.
    """
    name = stack_name(path)
    refuse_level(request, name)
    file = h5py.File(path, "r")  # open as long as the volume lives: h5py closes it with its last dataset
    try:
        chosen = request.dataset.strip("/") if request.dataset is not None else _only_stack(file, name)
        _refuse_way_out(file, chosen, name)
        data = file.get(chosen)
        if not isinstance(data, h5py.Dataset):
            raise InputError(f"{name}: no dataset {chosen!r} in the file; it holds {_listed(file)}")
        if data.external or (data.is_virtual and any(each.file_name != "." for each in data.virtual_sources())):
            raise InputError(f"{name}: the voxels of {chosen!r} are in other files; copy them into this one")
        axes = choose_axes(data.shape or (), _axistags(data), request.axes, name)
        sizes = _scale(data)
        scale = dict(zip(axes.letters, sizes, strict=True)) if sizes else {}
        volume = build_volume(data, axes, scale, request, (name, f"{path}:/{chosen}"))
    except BaseException:
        file.close()
        raise
    return volume


def stack_paths(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each dataset with three or more axes in an HDF5 file, by its path; for a picker.

    Raises
    ------
    OSError
        If the file can't be opened as HDF5.
    """
    with h5py.File(path, "r") as file:
        return _stacks(file)


def _stacks(file: h5py.File) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}

    def visit(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iufb" and len(item.shape or ()) >= 3:
            found[path] = item.shape

    file.visititems(visit)
    return found


def _refuse_way_out(file: h5py.File, path: str, name: str) -> None:
    """Refuse a path along which a link leads out of the file: to whatever files a stranger chose.

    Raises
    ------
    InputError
        If so, or if links lead in a circle.
    """
    left, at, n_links = path.split("/"), "", 0
    while left:
        part = left.pop(0)
        if not part:
            continue
        link = file.get(f"{at}/{part}", getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise InputError(f"{name}: {at}/{part} is a link to another file, {link.filename!r}; open that file itself")
        if not isinstance(link, h5py.SoftLink):
            at = f"{at}/{part}"
            continue
        n_links += 1
        if n_links > _MAX_LINKS:
            raise InputError(f"{name}: the links to {path!r} lead in a circle; name the dataset itself")
        at, left = ("" if link.path.startswith("/") else at), [*link.path.split("/"), *left]


def _only_stack(file: h5py.File, name: str) -> str:
    stacks = _stacks(file)
    plain = [path for path, shape in stacks.items() if len(shape) == 3] or list(stacks)
    if not plain:
        raise InputError(f"{name}: holds no stack with three axes (Z, Y, X); give a file that does")
    if len(plain) > 1:
        raise InputError(f"{name}: holds {_listed(file)}; choose one with dataset (or {name}.h5:/path/to/dataset)")
    return plain[0]


def _listed(file: h5py.File) -> str:
    stacks = _stacks(file)
    return ", ".join(f"/{path} {shape}" for path, shape in stacks.items()) or "no dataset with three axes"


def _axistags(data: h5py.Dataset) -> str | None:
    """Return the letters of the axes from ilastik's and vigra's JSON attribute, where there is one."""
    try:
        tags = parsed_json(str(data.attrs["axistags"]))
        return "".join(str(axis["key"]) for axis in tags["axes"]).upper()
    except (KeyError, TypeError, ValueError):
        return None


def _scale(data: h5py.Dataset) -> tuple[float, ...] | None:
    """Return nm per voxel for each axis from the attributes of the dataset or of the groups above it."""
    node: Any = data
    while True:
        sizes = scale_from_attributes(dict(node.attrs), len(data.shape))
        if sizes is not None or node.name == "/":
            return sizes
        node = node.parent
