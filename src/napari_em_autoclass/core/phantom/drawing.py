"""Draw one section of the tissue: how bright it is, and what is where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_em_autoclass.core.phantom import organelles
from napari_em_autoclass.core.phantom.canvas import Canvas, Texture, bump, rise
from napari_em_autoclass.core.phantom.classes import CYTOPLASM, EXTRACELLULAR, MEMBRANE, MYELIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_em_autoclass.core.phantom.cells import CellPlane
    from napari_em_autoclass.core.phantom.fields import F32
    from napari_em_autoclass.core.phantom.tissue import Tissue

__all__ = ["SectionPlane", "draw_section"]

_CYTOPLASM = 0.62  # brightness, of a range of 1
_LEAFLET_NM = 4.2  # standard deviation of one membrane seen edge on
_LAMELLA_NM = 16.0


@dataclass(frozen=True)
class SectionPlane:
    """Hold where a section lies.

    Parameters
    ----------
    z_nm, thickness_nm : float
        Depth of its middle, and its thickness.
    y_nm, x_nm : ndarray, shapes (Y,) and (X,), float32
        Positions of the pixels, ascending.
    """

    z_nm: float
    thickness_nm: float
    y_nm: F32
    x_nm: F32


def draw_section(tissue: Tissue, plane: SectionPlane, texture: Texture) -> tuple[F32, NDArray[np.uint8]]:
    """Draw one section.

    Parameters
    ----------
    tissue : Tissue
        What to cut.
    plane : SectionPlane
        Where to cut.
    texture : Texture
        Grain of this section.

    Returns
    -------
    brightness : ndarray, shape (Y, X), float32
        About 0 (black) to 1.
    labels : ndarray, shape (Y, X), uint8
        Class ids at the middle of the section.
    """
    cut = tissue.cells.cut(plane.z_nm, plane.y_nm, plane.x_nm)
    canvas = Canvas(
        brightness=_cytoplasm(tissue, cut, texture),
        labels=np.full(cut.cell.shape, CYTOPLASM, np.uint8),
        cut=cut,
        texture=texture,
        z_nm=plane.z_nm,
        thickness_nm=plane.thickness_nm,
        y_nm=plane.y_nm,
        x_nm=plane.x_nm,
    )
    organelles.draw_cisterns(canvas, tissue)
    organelles.draw_microtubules(canvas, tissue)
    organelles.draw_vesicles(canvas, tissue)
    organelles.draw_mitochondria(canvas, tissue)
    _draw_borders(canvas, tissue)
    organelles.draw_densities(canvas, tissue)
    _draw_myelin(canvas, tissue)
    return canvas.brightness, canvas.labels


def _cytoplasm(tissue: Tissue, cut: CellPlane, texture: Texture) -> F32:
    granules = np.clip(texture.coarse - 0.6, 0.0, 2.2)  # ribosomes and the like: few and dark
    grain = 0.05 * texture.fine + 0.03 * texture.broad - 0.15 * granules
    bright = _CYTOPLASM + tissue.tone[cut.cell] + tissue.granularity[cut.cell] * grain
    return np.asarray(bright, dtype=np.float32)


def _draw_borders(canvas: Canvas, tissue: Tissue) -> None:
    """Draw the two membranes of each border and the gap between them."""
    gap = 4.0 + 4.0 * np.clip(tissue.fields.gap.on_plane(canvas.z_nm, canvas.y_nm, canvas.x_nm), -0.6, 2.0)
    roomy = rise(gap, 3.0, 8.0)
    gap = gap + 14.0 * roomy * rise(canvas.cut.crowd, 0.08, 0.30)  # half the width, nm
    depth = canvas.cut.depth_nm
    smear = _smear_nm(canvas)
    width = np.hypot(_LEAFLET_NM, smear)
    edge = gap + 4.0
    dark = bump(depth - edge, width) + bump(depth + edge, width)
    filling = 0.36 + 0.27 * rise(gap, 6.0, 13.0)  # narrow gaps are never resolved
    share = 1.0 - rise(depth - gap, -4.0, 4.0)
    fade = 1.0 / (1.0 + smear / 18.0)
    canvas.brightness[...] += (fade * share) * (filling - canvas.brightness)
    canvas.brightness[...] -= 0.37 * np.minimum(1.0, (_LEAFLET_NM / width) ** 0.6) * dark
    canvas.labels[depth < np.clip(gap + 12.0, 16.0, 40.0)] = MEMBRANE
    canvas.labels[(depth < gap - 1.0) & (gap > 8.0)] = EXTRACELLULAR


def _smear_nm(canvas: Canvas) -> F32:
    """Return how far a border moves within the section (standard deviation, nm): the blur of oblique cuts."""
    depth = canvas.cut.depth_nm
    slopes = []
    for axis, at_nm in ((0, canvas.y_nm), (1, canvas.x_nm)):
        if depth.shape[axis] < 2:
            return np.zeros_like(depth)
        change = np.abs(np.diff(depth, axis=axis)) / (at_nm[1] - at_nm[0])
        # Depth has a crease on the border itself, where only one-sided differences tell the slope.
        first, last = np.take(change, [0], axis), np.take(change, [-1], axis)
        slopes.append(np.maximum(np.concatenate([first, change], axis), np.concatenate([change, last], axis)))
    # Right on the crease both differences come out too small, in beads along the border: ask the pixels beside.
    steep = np.clip(ndimage.maximum_filter(slopes[0] ** 2 + slopes[1] ** 2, 3), 0.0, 1.0)
    rate = np.sqrt(1.0 - ndimage.gaussian_filter(steep, 1.5))  # change of depth per nm along z
    return np.asarray(canvas.thickness_nm * rate / np.sqrt(12.0), dtype=np.float32)


def _draw_myelin(canvas: Canvas, tissue: Tissue) -> None:
    for number, axon in enumerate(tissue.axons):
        mine = canvas.cut.cell == tissue.cells.n_neurites + 1 + number
        depth = axon.depth_nm(canvas.z_nm, canvas.y_nm, canvas.x_nm)
        inner = axon.sheath_nm
        tilt = float(np.hypot(*axon.slope_yx))
        smear = canvas.thickness_nm * tilt / np.sqrt(12.0)
        contrast = 0.16 * np.exp(-0.5 * (2 * np.pi * smear / _LAMELLA_NM) ** 2)
        wavy = depth + 3.0 * tissue.fields.wobble.on_plane(canvas.z_nm, canvas.y_nm, canvas.x_nm)
        lamellae = 0.24 + contrast * np.cos(2 * np.pi * wavy / _LAMELLA_NM) + 0.02 * canvas.texture.fine
        share = mine * rise(depth, -4.0, 4.0) * (1.0 - rise(depth, inner - 4.0, inner + 4.0))
        canvas.brightness[...] += share * (lamellae - canvas.brightness)
        canvas.brightness[...] -= mine * (
            0.34 * bump(depth - inner - 15.0, 5.0) - 0.04 * bump(depth - inner - 5.0, 4.0)
        )
        canvas.labels[mine & (depth < inner + 22.0)] = MEMBRANE
        canvas.labels[mine & (depth < inner)] = MYELIN
