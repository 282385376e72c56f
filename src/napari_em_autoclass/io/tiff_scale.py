"""The voxel size that a TIFF file tells: in OME-XML, or the way ImageJ writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_em_autoclass.io.units import to_nm

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tifffile

__all__ = ["voxel_size_from_tiff"]


def voxel_size_from_tiff(
    file: tifffile.TiffFile, series_index: int, coarsening: Mapping[str, float]
) -> dict[str, float | None]:
    """Return nm per voxel for ``"Z"``, ``"Y"``, ``"X"``, None where the file doesn't tell.

    Parameters
    ----------
    file : an open file
    series_index : which series
    coarsening : voxels of the finest level in one voxel of the level in use, by letter; 1 where absent

    Notes
    -----
    The bare resolution tags of a plain TIFF are not used: most programs write 72 dpi there, whatever the image.
    """
    if file.ome_metadata:
        sizes = _from_ome(file.ome_metadata, series_index)
    else:
        # ImageJ's keys, which tifffile also writes into its own description.
        shaped = file.shaped_metadata[series_index : series_index + 1] if file.shaped_metadata else ()
        sizes = _from_imagej(file.imagej_metadata or next(iter(shaped), {}), file.pages.first)
    return {letter: size * coarsening.get(letter, 1.0) if size else None for letter, size in sizes.items()}


def _from_ome(xml: str, series_index: int) -> dict[str, float | None]:
    try:
        images = ElementTree.fromstring(xml).findall("{*}Image/{*}Pixels")
    except ElementTree.ParseError:
        return {}
    if series_index >= len(images):
        return {}
    tags = images[series_index].attrib
    # µm is the default of the OME schema.
    return {a: to_nm(tags.get(f"PhysicalSize{a}"), tags.get(f"PhysicalSize{a}Unit", "µm")) for a in "ZYX"}


def _from_imagej(metadata: Mapping[str, Any], page: Any) -> dict[str, float | None]:
    unit = metadata.get("unit")
    if unit is None:
        return {}
    return {
        "Z": to_nm(metadata.get("spacing"), metadata.get("zunit", unit)),
        "Y": to_nm(_pixel_size(page, "YResolution"), metadata.get("yunit", unit)),
        "X": to_nm(_pixel_size(page, "XResolution"), unit),
    }


def _pixel_size(page: Any, tag: str) -> float | None:
    pixels, per_unit = page.tags.valueof(tag, (0, 1))
    return per_unit / pixels if pixels else None
