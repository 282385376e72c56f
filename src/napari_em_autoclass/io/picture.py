"""A picture of a result for people: some sections as EM and as classes, side by side, with a legend and a scale bar.

It is what a machine without a display leaves to look at; figures for papers are made from the exported class map.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageDraw

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io.lettering import font_of, length_text, plain, round_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.volume import ArrayLike, Volume

__all__ = ["PictureSection", "draw_picture", "picture_sections", "save_picture"]

_PANEL: Final = 480  # width of one panel
_GAP: Final = 14
_MARGIN: Final = 28
_LEFT: Final = 120  # names of the sections
_HEAD: Final = 104  # title and heads of the columns
_FOOT: Final = 40  # lengths of the axes
_LEGEND: Final = 300
_ROW: Final = 24  # one line of the legend
_INK: Final = (34, 34, 34)
_FAINT: Final = (110, 110, 110)
_PAPER: Final = (255, 255, 255)
_UNCLASSIFIED: Final = (24, 24, 24)
# Darkest and brightest half per cent are dirt and charging; without them the grey range is used well.
_CONTRAST_PERCENTILES: Final = (0.5, 99.5)


@dataclass(frozen=True, slots=True)
class PictureSection:
    """One section to draw.

    Parameters
    ----------
    z : its number in the volume
    raw : shape (Y, X), any integer or float dtype
    classes : shape (Y, X), uint8, ids 0..K
    """

    z: int
    raw: NDArray[Any]
    classes: NDArray[np.uint8]


def save_picture(
    path: str | os.PathLike[str], volume: Volume, classes: ArrayLike, class_map: ClassMap, note: str = ""
) -> Path:
    """Write a PNG of three sections of `volume` with their classes, atomically, and return its path.

    Parameters
    ----------
    path : where to; an older picture there is replaced
    volume : the EM stack
    classes : shape (Z, Y, X) as the volume, uint8, ids 0..K; only three sections are read
    class_map : names, colours and merges
    note : a line below the title

    Raises
    ------
    InputError
        If volume and classes differ in shape, or the volume can't be read.
    OSError
        If the picture can't be written.
    """
    path = Path(path)
    sections = picture_sections(volume, classes)
    picture = draw_picture(sections, class_map, volume.voxel_size_nm, (volume.name, note))
    partial = path.with_name(f".{path.name}.partial")
    try:
        picture.save(partial, format="PNG", optimize=True)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def picture_sections(volume: Volume, classes: ArrayLike, count: int = 3) -> tuple[PictureSection, ...]:
    """Return `count` sections, evenly spread over the depth (fewer in a thinner stack).

    Raises
    ------
    InputError
        If volume and classes differ in shape, or the volume can't be read.
    """
    shape = volume.shape_zyx
    if tuple(classes.shape) != shape:
        raise InputError(
            f"class map {tuple(classes.shape)} and stack {shape} differ in shape; choose the stack it was made of"
        )
    chosen = np.unique(((np.arange(count) + 0.5) / count * shape[0]).astype(int))
    return tuple(
        PictureSection(
            int(z),
            volume.section(int(z)),
            np.asarray(classes[Box(int(z), int(z) + 1, 0, shape[1], 0, shape[2]).slices])[0],
        )
        for z in chosen
    )


def draw_picture(
    sections: Sequence[PictureSection],
    class_map: ClassMap,
    voxel_size_nm: tuple[float, float, float],
    title: tuple[str, str],
) -> Image.Image:
    """Return the picture: a row per section, the columns EM and classes, and the legend beside them.

    Parameters
    ----------
    sections : at least one, all of one shape
    class_map : names, colours and merges
    voxel_size_nm : (z, y, x) in nm
    title : what the stack is called, and a line below
    """
    height, width = sections[0].raw.shape
    panel = (_PANEL, max(24, round(_PANEL * height * voxel_size_nm[1] / (width * voxel_size_nm[2]))))
    rows = _legend_rows(sections, class_map)
    body = max(len(sections) * (panel[1] + _GAP) - _GAP, min(len(rows), 30) * _ROW)
    size = (_LEFT + 2 * _PANEL + _GAP + _MARGIN + _LEGEND + _MARGIN, _HEAD + body + _FOOT + _MARGIN)
    picture = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(picture)
    _draw_heads(draw, title, class_map, voxel_size_nm)
    low, high = _grey_range(sections)
    colors = _color_table(class_map)
    for row, section in enumerate(sections):
        top = _HEAD + row * (panel[1] + _GAP)
        picture.paste(_grey_panel(section.raw, low, high).resize(panel, Image.Resampling.LANCZOS), (_LEFT, top))
        # Nearest: a mean of two colours would be the colour of a third class.
        colored = Image.fromarray(colors[section.classes]).resize(panel, Image.Resampling.NEAREST)
        picture.paste(colored, (_LEFT + _PANEL + _GAP, top))
        _draw_row_name(draw, section.z, top, voxel_size_nm[0])
        _draw_scale_bar(draw, (_LEFT, top + panel[1]), width * voxel_size_nm[2])
    extent = (height * voxel_size_nm[1], width * voxel_size_nm[2])
    _draw_axes(draw, _HEAD + len(sections) * (panel[1] + _GAP) - _GAP, extent)
    _draw_legend(draw, rows, (size[0] - _LEGEND - _MARGIN, _HEAD), body)
    return picture


def _draw_heads(
    draw: ImageDraw.ImageDraw, title: tuple[str, str], class_map: ClassMap, voxel_size_nm: tuple[float, float, float]
) -> None:
    size = " x ".join(f"{length:g}" for length in voxel_size_nm)
    draw.text((_LEFT, 18), plain(title[0], 70), _INK, font_of(26))
    facts = f"voxel {size} nm (z, y, x), {class_map.n_classes} classes"
    draw.text((_LEFT, 50), plain("; ".join(fact for fact in (facts, title[1]) if fact), 150), _FAINT, font_of(15))
    for left, name in (
        (_LEFT, "EM"),
        (_LEFT + _PANEL + _GAP, "classes"),
        (_LEFT + 2 * _PANEL + _GAP + _MARGIN, "share of the sections shown"),
    ):
        draw.text((left, _HEAD - 10), name, _INK, font_of(17), anchor="ls")


def _grey_range(sections: Sequence[PictureSection]) -> tuple[float, float]:
    values = np.concatenate([section.raw.ravel()[::7].astype(np.float64) for section in sections])
    low, high = np.percentile(values, _CONTRAST_PERCENTILES)
    return float(low), float(max(high, low + 1e-12))


def _grey_panel(raw: NDArray[Any], low: float, high: float) -> Image.Image:
    scaled = np.clip((raw.astype(np.float64) - low) / (high - low), 0, 1)
    return Image.fromarray(np.rint(scaled * 255).astype(np.uint8)).convert("RGB")


def _color_table(class_map: ClassMap) -> NDArray[np.uint8]:
    """Return the colour of each class id as shown, shape (256, 3)."""
    table = np.full((256, 3), _UNCLASSIFIED, np.uint8)
    for class_id in class_map.ids:
        table[class_id] = _rgb(class_map.color_of(class_id))
    return table


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _legend_rows(
    sections: Sequence[PictureSection], class_map: ClassMap
) -> list[tuple[float, str, tuple[int, int, int]]]:
    """Return share, name and colour of each class that is there, the commonest first."""
    counts = sum(np.bincount(section.classes.ravel(), minlength=256) for section in sections)
    share = np.asarray(counts, np.float64) / max(int(np.sum(counts)), 1)
    rows = [
        (float(share[list(class_map.members(row))].sum()), class_map.name_of(row), _rgb(class_map.color_of(row)))
        for row in class_map.rows()
    ]
    rows.append((float(share[0]), "not classified", _UNCLASSIFIED))
    return sorted((row for row in rows if row[0] > 0), key=lambda row: -row[0])


def _draw_row_name(draw: ImageDraw.ImageDraw, z: int, top: int, section_nm: float) -> None:
    draw.text((_LEFT - 12, top), f"section {z}", _INK, font_of(17), anchor="ra")
    draw.text((_LEFT - 12, top + 24), f"z = {length_text(z * section_nm)}", _FAINT, font_of(14), anchor="ra")


def _draw_scale_bar(draw: ImageDraw.ImageDraw, bottom_left: tuple[int, int], width_nm: float) -> None:
    """Draw a bar of a round length, about a quarter of the panel."""
    length_nm = round_length(width_nm / 4)
    pixels = round(length_nm / width_nm * _PANEL)
    left, bottom = bottom_left[0] + 12, bottom_left[1] - 12
    draw.rectangle((left - 1, bottom - 7, left + pixels + 1, bottom + 1), fill=_UNCLASSIFIED)
    draw.rectangle((left, bottom - 6, left + pixels, bottom), fill=_PAPER)
    where, text = (left, bottom - 9), length_text(length_nm)
    draw.text(where, text, _PAPER, font_of(16), anchor="lb", stroke_width=2, stroke_fill=_UNCLASSIFIED)


def _draw_axes(draw: ImageDraw.ImageDraw, bottom: int, extent_nm: tuple[float, float]) -> None:
    """Name the axes: x runs to the right, y downwards."""
    for left in (_LEFT, _LEFT + _PANEL + _GAP):
        centre, line = left + _PANEL // 2, bottom + 14
        text = f"x, {length_text(extent_nm[1])}"
        half = draw.textlength(text, font_of(14)) / 2 + 8
        draw.line((left, line, centre - half, line), fill=_FAINT)
        draw.line((centre + half, line, left + _PANEL, line), fill=_FAINT)
        draw.text((centre, line), text, _FAINT, font_of(14), anchor="mm")
    draw.text((_LEFT - 12, bottom), f"y, {length_text(extent_nm[0])}", _FAINT, font_of(14), anchor="rd")


def _draw_legend(
    draw: ImageDraw.ImageDraw, rows: list[tuple[float, str, tuple[int, int, int]]], corner: tuple[int, int], height: int
) -> None:
    left, top = corner
    room = max(1, height // _ROW)
    listed = rows if len(rows) <= room else rows[: room - 1]
    for number, (share, name, color) in enumerate(listed):
        y = top + number * _ROW
        draw.rectangle((left, y + 2, left + 26, y + _ROW - 5), fill=color, outline=_INK)
        draw.text((left + 92, y + _ROW // 2 - 1), f"{share:.1%}", _INK, font_of(15), anchor="rm")
        draw.text((left + 104, y + _ROW // 2 - 1), plain(name, 27), _INK, font_of(15), anchor="lm")
    if len(listed) < len(rows):
        rest = f"and {len(rows) - len(listed)} more"
        draw.text((left + 104, top + len(listed) * _ROW + _ROW // 2 - 1), rest, _FAINT, font_of(15), anchor="lm")
