"""A folder of section images, one image a section, in natural order of their names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.axes import choose_axes
from napari_em_autoclass.io.lazy import SectionStack
from napari_em_autoclass.io.request import build_volume, refuse_dataset, refuse_level, stack_name
from napari_em_autoclass.io.tiff import refuse_colour

if TYPE_CHECKING:
    from pathlib import Path

    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.io.request import ReadRequest

__all__ = ["FORMAT", "can_read", "is_image", "natural_order", "read"]

FORMAT = "folder of section images (.tif, .png, .jpg, .bmp)"
_TIFF = {".tif", ".tiff"}
# The classes, not PIL.Image.open: that one refuses images above 179 million pixels, which sections may have.
_PILLOW: dict[str, Any] = {
    ".png": PngImagePlugin.PngImageFile,
    ".jpg": JpegImagePlugin.JpegImageFile,
    ".jpeg": JpegImagePlugin.JpegImageFile,
    ".bmp": BmpImagePlugin.BmpImageFile,
}
_GREY = {"1": "bool", "L": "uint8", "I;16": "uint16", "I;16B": ">u2", "I": "int32", "F": "float32"}


def can_read(path: Path) -> bool:
    """Tell whether `path` is a folder."""
    return path.is_dir()


def read(path: Path, request: ReadRequest) -> Volume:
    """Return a folder of section images as a volume; only the headers of the images are read.

    Raises
    ------
    InputError
        If the folder holds no images, an image of another shape or dtype than the first, or colours.
    """
    name = stack_name(path)
    refuse_dataset(request, name)
    refuse_level(request, name)
    files = natural_order([file for file in path.iterdir() if is_image(file)])
    if not files:
        raise InputError(f"{path}: the folder holds no section images; supported are .tif, .png, .jpg and .bmp")
    headers = [_header(file) for file in files]
    for file, header in zip(files, headers, strict=True):
        if header != headers[0]:
            raise InputError(
                f"{file.name}: is {_told(header)}, the first section {files[0].name} is {_told(headers[0])}"
            )
    (y, x), dtype = headers[0]
    stack = SectionStack((len(files), y, x), dtype, lambda z: _decode(files[z]))
    axes = choose_axes(stack.shape, "ZYX", request.axes, name)
    return build_volume(stack, axes, {}, request, (name, str(path)))


def natural_order(files: list[Path]) -> list[Path]:
    """Return `files` sorted by name, numbers by value: s2 before s10."""
    return sorted(files, key=lambda file: [_part(part) for part in re.split(r"(\d+)", file.name.lower())])


def _part(text: str) -> tuple[int, int, str]:
    return (0, int(text), text) if text.isdecimal() else (1, 0, text)


def is_image(file: Path) -> bool:
    """Tell whether `file` is an image that could be one section, by its suffix."""
    known = file.suffix.lower() in _TIFF | set(_PILLOW)
    return known and file.is_file() and not file.name.startswith(".")


def _header(file: Path) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Return the shape (Y, X) and dtype of an image without decoding it."""
    try:
        return _tiff_header(file) if file.suffix.lower() in _TIFF else _pillow_header(file)
    except InputError:
        raise
    except Exception as error:
        # Each decoder has its own errors for a damaged header.
        kind = type(error).__name__
        raise InputError(f"{file.name}: the image can't be read ({kind}); replace or remove it") from error


def _tiff_header(file: Path) -> tuple[tuple[int, int], np.dtype[Any]]:
    with tifffile.TiffFile(file) as tif:
        page = tif.pages.first
        refuse_colour(page, file.name)
        if len(tif.pages) > 1 or len(page.shape) != 2 or page.dtype is None:
            raise InputError(f"{file.name}: is a stack, not one section; open the file itself instead of its folder")
        y, x = page.shape
        return (y, x), page.dtype.newbyteorder("=")


def _pillow_header(file: Path) -> tuple[tuple[int, int], np.dtype[Any]]:
    with _PILLOW[file.suffix.lower()](file) as image:
        if image.mode not in _GREY:
            raise InputError(f"{file.name}: is a colour image ({image.mode}); convert the sections to grey")
        x, y = image.size
        return (y, x), np.dtype(_GREY[image.mode]).newbyteorder("=")


def _decode(file: Path) -> np.ndarray[Any, Any]:
    if file.suffix.lower() in _TIFF:
        return np.asarray(tifffile.imread(file, key=0))
    with _PILLOW[file.suffix.lower()](file) as image:
        return np.asarray(image)


def _told(header: tuple[tuple[int, int], np.dtype[Any]]) -> str:
    (y, x), dtype = header
    return f"{y} x {x} {dtype}"
