"""One section as every recipe sees it, side by side, beside the raw section and the truth.

Classes are called alike where they lie alike, so that one colour means about the same in every panel.
"""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageDraw

from napari_em_autoclass.core.comparison.colours import matched_maps
from napari_em_autoclass.core.comparison.comparer import compared_view
from napari_em_autoclass.core.palette import default_colors
from napari_em_autoclass.core.scores.table import contingency, fit_mapping
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.io.lettering import font_of, length_text, plain, round_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.comparison.rows import RecipeRow
    from napari_em_autoclass.core.volume import ArrayLike

__all__ = ["Panel", "draw_comparison", "family_colors"]

_SIDE: Final = 360  # px of a panel, at most; pixels of the section are shown one to one, or magnified
_GAP, _MARGIN, _HEAD, _CAPTION = 22, 36, 100, 46
_MOST_COLUMNS: Final = 6
_SCORED_SHARE: Final = 0.01
_INK: Final = (28, 30, 34)
_FAINT: Final = (112, 116, 124)
_WARNING: Final = (196, 60, 48)
_PAPER: Final = (255, 255, 255)
_FRAME: Final = (208, 211, 216)


@dataclass(frozen=True, slots=True)
class Panel:
    """A recipe's row and its class map (h, w) uint8 of `compared_view`."""

    row: RecipeRow
    classes: NDArray[np.uint8]


def draw_comparison(panels: Sequence[Panel], volume: Volume, labels: ArrayLike | None = None) -> bytes:
    """Return a PNG with the panels in their order; the colours are those of the first.

    Parameters
    ----------
    panels : at least one
    volume : the stack
    labels : (Z, Y, X) integers; adds a panel with the truth

    Raises
    ------
    InputError
        If volume or labels can't be read.
    """
    view = compared_view(volume)
    cut, magnified = _cut(panels[0].classes.shape)
    box = Box(view.z, view.z + 1, view.y0, view.y1, view.x0, view.x1)
    grey_all = _grey(volume.read(box)[0])
    grey = grey_all[cut]
    shown = [("EM", f"section {view.z}", _FAINT, np.repeat(grey[..., None], 3, axis=2))]
    matched = matched_maps({panel.row.recipe: panel.classes for panel in panels}, panels[0].row.recipe)
    colors = _palette(int(max(ids.max() for ids in matched.values())))
    note = "Each class has the colour of the class it overlaps most in the first recipe."
    if labels is not None:
        truth = np.unique(Volume(labels, (1.0, 1.0, 1.0), "labels").read(box)[0], return_inverse=True)
        structures = truth[1].reshape(grey_all.shape) + int(truth[0][0] != 0)  # 0 stays "unlabelled"
        own = _palette(int(structures.max()))
        shown.append(("truth", "labels of this section", _FAINT, _coloured(structures[cut], grey, own)))
        colors = family_colors(panels[0].classes, structures, own, len(colors))
        note = (
            "Each class has the colour of the class it overlaps most in the first recipe, where shades of a colour are "
            "classes of one structure. Labels only colour the picture."
        )
    for panel in panels:
        line, ink = _caption(panel.row)
        pixels = _coloured(matched[panel.row.recipe][cut], grey, colors)
        shown.append((panel.row.recipe, line, ink, pixels))
    images = [(name, line, ink, _enlarged(pixels, magnified)) for name, line, ink, pixels in shown]
    picture = _grid(images, (f"{volume.name}: {len(panels)} recipes", note))
    _draw_scale_bar(picture, volume.voxel_size_nm[2] / magnified, images[0][3].height)
    out = io.BytesIO()
    picture.save(out, format="PNG", optimize=True)
    return out.getvalue()


def _cut(shape: tuple[int, ...]) -> tuple[tuple[slice, slice], int]:
    """Return the middle of a section that fits into a panel, and how many pixels wide each of its own is shown."""
    high, wide = (min(length, _SIDE) for length in shape)
    y0, x0 = (shape[0] - high) // 2, (shape[1] - wide) // 2
    return (slice(y0, y0 + high), slice(x0, x0 + wide)), max(1, _SIDE // max(high, wide))


def _grey(section: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = np.percentile(section, (0.5, 99.5))
    scaled = np.clip((section.astype(np.float64) - low) / max(float(high - low), 1e-12), 0, 1)
    return np.asarray(np.rint(scaled * 255), np.uint8)


def family_colors(
    classes: NDArray[np.uint8], structures: NDArray[Any], own: NDArray[np.float64], n_colors: int
) -> NDArray[np.float64]:
    """Return the colour of each class (n_colors, 3): a shade of that of the structure it mostly shows.

    Parameters
    ----------
    classes, structures : (h, w) ids; 0 is nothing
    own : (S + 1, 3) colours of the structures, 0 to 255
    n_colors : K + 1
    """
    counts = contingency(classes, structures, (n_colors, len(own)))
    counts[:, 0] = 0
    scored = np.flatnonzero(counts.sum(0) >= _SCORED_SHARE * max(counts.sum(), 1))
    if not len(scored) or not counts.any():
        return _palette(n_colors - 1)
    family = fit_mapping(counts, scored)  # as a user would name them, and as merged mIoU scores them
    colors = np.zeros((n_colors, 3))
    colors[0] = own[0]
    for structure in np.unique(family[1:]):
        members = [k for k in np.argsort(-counts.sum(1)) if k and family[k] == structure]
        for number, k in enumerate(members):
            colors[k] = _shade(own[structure], number)
    return colors


def _shade(color: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Return the n-th shade of a colour: itself, then in turn lighter and darker, each further away."""
    step = (number + 1) // 2 / 5
    towards = 255.0 if number % 2 else 0.0
    return color + (towards - color) * min(step, 0.8) * (0.75 if number % 2 else 0.6)


def _palette(n_colors: int) -> NDArray[np.float64]:
    """Return the colours of ids 0 (nothing) to `n_colors`, (n_colors + 1, 3), 0 to 255."""
    return np.array([(40, 40, 44), *(_rgb(color) for color in default_colors(max(n_colors, 1)))], np.float64)


def _coloured(ids: NDArray[Any], grey: NDArray[np.uint8], colors: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the colours of the classes (h, w, 3), with the section shining through."""
    shade = 0.62 + 0.38 * (grey[..., None] / 255.0)
    return np.asarray(np.rint(colors[ids] * shade), np.uint8)


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _enlarged(pixels: NDArray[np.uint8], factor: int) -> Image.Image:
    return Image.fromarray(pixels.repeat(factor, axis=0).repeat(factor, axis=1))


def _caption(row: RecipeRow) -> tuple[str, tuple[int, int, int]]:
    figures, parts = row.figures, []
    if row.outcome == "collapsed":
        return f"collapsed: {figures.get('effective_classes', 1):.1f} classes in effect", _WARNING
    if "merged_miou" in figures:
        parts.append(f"mIoU {figures['merged_miou']:.3f}")
    if "csev" in figures:
        parts.append(f"CSEV {figures['csev']:.3f}")
    if "effective_classes" in figures:
        parts.append(f"{figures['effective_classes']:.0f} classes")
    return "   ".join(parts), _FAINT


def _grid(images: Sequence[tuple[str, str, tuple[int, int, int], Image.Image]], title: tuple[str, str]) -> Image.Image:
    wide, high = images[0][3].size
    columns = min(_MOST_COLUMNS, _columns_for(len(images)))
    rows = -(-len(images) // columns)
    size = (
        2 * _MARGIN + columns * (wide + _GAP) - _GAP,
        _MARGIN + _HEAD + rows * (_CAPTION + high + _GAP) - _GAP + _MARGIN,
    )
    picture = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((_MARGIN, _MARGIN - 8), plain(title[0], 90), _INK, font_of(30))
    for number, line in enumerate(textwrap.wrap(plain(title[1], 300), max(30, (size[0] - 2 * _MARGIN) // 8))[:2]):
        draw.text((_MARGIN, _MARGIN + 32 + 20 * number), line, _FAINT, font_of(16))
    for number, (name, line, ink, image) in enumerate(images):
        left = _MARGIN + number % columns * (wide + _GAP)
        top = _MARGIN + _HEAD + number // columns * (_CAPTION + high + _GAP)
        draw.text((left, top - 6), plain(name, 40), _INK, font_of(20))
        draw.text((left, top + 19), plain(line, 60), ink, font_of(15))
        picture.paste(image, (left, top + _CAPTION))
        draw.rectangle((left - 1, top + _CAPTION - 1, left + wide, top + _CAPTION + high), outline=_FRAME)
    return picture


def _columns_for(n_panels: int) -> int:
    """Return how many columns fill their rows best, between 3 and 6; a single row where that is enough."""
    if n_panels <= 4:
        return n_panels
    return min(range(3, _MOST_COLUMNS + 1), key=lambda c: (-n_panels % c / c, abs(c - (1.6 * n_panels) ** 0.5)))


def _draw_scale_bar(picture: Image.Image, nm_per_px: float, high: int) -> None:
    """Draw a bar of a round length, about a quarter of a panel, into the first panel."""
    draw, wide = ImageDraw.Draw(picture), min(_SIDE, picture.width - 2 * _MARGIN)
    length_nm = round_length(nm_per_px * wide / 3)
    left, bottom = _MARGIN + 12, _MARGIN + _HEAD + _CAPTION + high - 14
    right = left + round(length_nm / nm_per_px)
    draw.rectangle((left - 1, bottom - 6, right + 1, bottom + 1), fill=(20, 20, 20))
    draw.rectangle((left, bottom - 5, right, bottom), fill=_PAPER)
    where, text = (left, bottom - 9), length_text(length_nm)
    draw.text(where, text, _PAPER, font_of(16), anchor="lb", stroke_width=2, stroke_fill=(20, 20, 20))
