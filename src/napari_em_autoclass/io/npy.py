"""NumPy files, by memory map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.axes import choose_axes
from napari_em_autoclass.io.request import build_volume, refuse_dataset, refuse_level, stack_name

if TYPE_CHECKING:
    from pathlib import Path

    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.request import ReadRequest

__all__ = ["FORMAT", "can_read", "read"]

FORMAT = "NumPy (.npy)"


def can_read(path: Path) -> bool:
    """Tell whether `path` is a NumPy file, by its suffix."""
    return path.is_file() and path.suffix.lower() in {".npy", ".npz"}


def read(path: Path, request: ReadRequest) -> Volume:
    """Return the array of a ``.npy`` file as a volume, without reading voxels.

    Raises
    ------
    InputError
        If the file is an archive (``.npz``), which can't be mapped, or holds no stack.
    """
    name = stack_name(path)
    if path.suffix.lower() == ".npz":
        raise InputError(f"{path.name}: an .npz archive can't be read piece by piece; save its array as .npy")
    refuse_dataset(request, name)
    refuse_level(request, name)
    data = np.load(path, mmap_mode="r", allow_pickle=False)
    axes = choose_axes(data.shape, None, request.axes, name)
    return build_volume(data, axes, {}, request, (name, str(path)))
