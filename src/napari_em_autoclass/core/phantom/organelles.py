"""Draw what lies inside the cells: cisterns, microtubules, vesicles, mitochondria, synaptic densities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_em_autoclass.core.phantom.canvas import Canvas, bump, rise, stamp
from napari_em_autoclass.core.phantom.classes import DENSITY, MITOCHONDRIA, VESICLES

if TYPE_CHECKING:
    from napari_em_autoclass.core.phantom.fields import F32
    from napari_em_autoclass.core.phantom.mitochondria import Mitochondrion
    from napari_em_autoclass.core.phantom.synapses import Synapse
    from napari_em_autoclass.core.phantom.tissue import Tissue

__all__ = ["draw_cisterns", "draw_densities", "draw_microtubules", "draw_mitochondria", "draw_vesicles"]

_VESICLE_RADIUS_NM = 20.0  # to the middle of the membrane: 45 nm across
_CLEAR_OF_BORDER_NM = 34.0


def draw_cisterns(canvas: Canvas, tissue: Tissue) -> None:
    """Draw endoplasmic reticulum: thin sheets with a pale lumen, in wide processes only."""
    fields, grid = tissue.fields, (canvas.z_nm, canvas.y_nm, canvas.x_nm)
    # For this kind of field the value times the pitch is about the distance to where it is zero.
    off = np.abs(fields.cistern.on_plane(*grid) * np.float32(fields.cistern.pitch_nm))
    there = rise(fields.cistern_mask.on_plane(*grid), 0.7, 1.1) * rise(canvas.cut.depth_nm, 45.0, 65.0)
    canvas.brightness[...] += there * (0.10 * bump(off, 8.0) - 0.20 * bump(off - 17.0, 4.5))


def draw_microtubules(canvas: Canvas, tissue: Tissue) -> None:
    """Draw microtubules: dots where cut across, lines where they run within the section."""
    half = canvas.thickness_nm / 2.0 + 6.0
    first, last = np.searchsorted(tissue.microtubules_nm[:, 0], (canvas.z_nm - half, canvas.z_nm + half))
    if first == last:
        return
    points, cells = tissue.microtubules_nm[first:last], tissue.microtubule_cell[first:last]
    distance, felt = stamp(canvas, points[:, 1:], 20.0, cells)
    mine = (felt == canvas.cut.cell) & (canvas.cut.depth_nm > 26.0)
    canvas.brightness[...] -= mine * (0.20 * bump(distance - 7.0, 5.0))


def draw_vesicles(canvas: Canvas, tissue: Tissue) -> None:
    """Draw the clouds of vesicles: each a dark ring around a pale lumen."""
    _label_clouds(canvas, tissue)
    half = canvas.thickness_nm / 2.0 + _VESICLE_RADIUS_NM
    first, last = np.searchsorted(tissue.vesicles_nm[:, 0], (canvas.z_nm - half, canvas.z_nm + half))
    if first == last:
        return
    points = tissue.vesicles_nm[first:last]
    # Beyond the faces of the section a sphere is cut off, and only its cap is seen.
    outside = np.maximum(np.abs(points[:, 0] - canvas.z_nm) - canvas.thickness_nm / 2.0, 0.0)
    size = np.sqrt(np.maximum(_VESICLE_RADIUS_NM**2 - outside**2, 0.0)) / _VESICLE_RADIUS_NM
    distance, felt = stamp(canvas, points[:, 1:], 32.0, (0.05 + size).astype(np.float32))
    radius = _VESICLE_RADIUS_NM * np.maximum(felt - 0.05, 0.2)
    strength = rise(felt, 0.1, 0.6)
    canvas.brightness[...] += strength * (
        0.10 * rise(radius - distance, 2.0, 9.0) - 0.30 * bump(distance - radius, 4.5)
    )


def _label_clouds(canvas: Canvas, tissue: Tissue) -> None:
    for synapse in tissue.synapses:
        off_z = canvas.z_nm - float(synapse.cloud_nm[0])
        reach = synapse.cloud_radius_nm + 80.0  # five times the wobble below
        if abs(off_z) > reach:
            continue
        window = _window(canvas, synapse.cloud_nm, reach)
        y, x = canvas.y_nm[window[0]], canvas.x_nm[window[1]]
        if not (len(y) and len(x)):
            continue
        off = np.sqrt(off_z**2 + (y[:, None] - synapse.cloud_nm[1]) ** 2 + (x - synapse.cloud_nm[2]) ** 2)
        off = off + 16.0 * tissue.fields.wobble.on_plane(canvas.z_nm, y, x)
        cloud = (off < synapse.cloud_radius_nm + 8.0) & (canvas.cut.cell[window] == synapse.pre)
        canvas.labels[window][cloud] = VESICLES
        canvas.brightness[window] -= 0.035 * cloud


def draw_mitochondria(canvas: Canvas, tissue: Tissue) -> None:
    """Draw mitochondria: two membranes, a dark matrix and pale cristae."""
    for body in tissue.mitochondria:
        if not body.reaches(canvas.z_nm):
            continue
        window = body.window(canvas.y_nm, canvas.x_nm)
        y, x = canvas.y_nm[window[0]], canvas.x_nm[window[1]]
        if len(y) and len(x):
            _draw_mitochondrion(canvas, tissue, body, window)


def _draw_mitochondrion(canvas: Canvas, tissue: Tissue, body: Mitochondrion, window: tuple[slice, slice]) -> None:
    y, x = canvas.y_nm[window[0]], canvas.x_nm[window[1]]
    depth = body.depth_nm(canvas.z_nm, y, x) + 7.0 * tissue.fields.wobble.on_plane(canvas.z_nm, y, x)
    room = canvas.cut.depth_nm[window] - _CLEAR_OF_BORDER_NM
    # The smaller of the two, with a round corner where they meet.
    depth = np.minimum(depth, room) - 0.25 * np.square(np.clip(30.0 - np.abs(depth - room), 0.0, None)) / 30.0
    mine = canvas.cut.cell[window] == body.cell
    if not (mine & (depth > 0)).any():
        return
    texture = canvas.texture
    matrix = 0.335 + 0.035 * texture.fine[window] + 0.02 * texture.coarse[window]
    matrix = matrix + _cristae(canvas, tissue, body, (y, x)) * rise(depth, 14.0, 30.0)
    inside = mine * rise(depth, -3.0, 3.0)
    bright = canvas.brightness[window]
    bright += inside * (matrix - bright)
    bright -= mine * (0.20 * bump(depth - 1.0, 5.0) + 0.10 * bump(depth - 17.0, 5.0) - 0.05 * bump(depth - 9.0, 4.0))
    canvas.labels[window][mine & (depth > 0)] = MITOCHONDRIA


def _cristae(canvas: Canvas, tissue: Tissue, body: Mitochondrion, axes: tuple[F32, F32]) -> F32:
    """Return what cristae add to the brightness of the matrix: (h, w)."""
    y, x = axes
    normal, fields = body.stacking, tissue.fields
    along = canvas.z_nm * normal[0] + y[:, None] * normal[1] + x * normal[2]
    along = along + 13.0 * fields.cristae.on_plane(canvas.z_nm, y, x)
    phase = along / body.spacing_nm
    off = (np.abs(phase - np.rint(phase)) * body.spacing_nm).astype(np.float32)
    width = float(np.hypot(6.5, canvas.thickness_nm * normal[0] / np.sqrt(12.0)))
    there = rise(fields.broken_cristae.on_plane(canvas.z_nm, y, x), -0.7, 0.1)
    contrast = (6.5 / width) ** 1.5
    return np.asarray(contrast * there * (0.25 * bump(off, width) - 0.07 * bump(off - 14.0, 5.0)), dtype=np.float32)


def draw_densities(canvas: Canvas, tissue: Tissue) -> None:
    """Draw synaptic densities: dark on both sides of the border, thicker on the receiving side."""
    for synapse in tissue.synapses:
        if abs(canvas.z_nm - float(synapse.centre_nm[0])) < synapse.radius_nm * 1.15:
            window = _window(canvas, synapse.centre_nm, synapse.radius_nm * 1.3)
            if canvas.labels[window].size:
                _draw_density(canvas, synapse, window)


def _draw_density(canvas: Canvas, synapse: Synapse, window: tuple[slice, slice]) -> None:
    cell, depth = canvas.cut.cell[window], canvas.cut.depth_nm[window]
    pre, post = cell == synapse.pre, cell == synapse.post
    touching = ndimage.binary_dilation(pre, iterations=2) & ndimage.binary_dilation(post, iterations=2)
    if not touching.any():
        return
    off_border = ndimage.distance_transform_edt(~touching).astype(np.float32) * canvas.pixel_nm
    y, x = canvas.y_nm[window[0]], canvas.x_nm[window[1]]
    off = (canvas.z_nm - synapse.centre_nm[0]) ** 2 + (y[:, None] - synapse.centre_nm[1]) ** 2
    off = np.sqrt(off + (x - synapse.centre_nm[2]) ** 2)
    there = (1.0 - rise(off, 0.85 * synapse.radius_nm, 1.1 * synapse.radius_nm)) * (1.0 - rise(off_border, 40.0, 60.0))
    clumps = 1.0 + 0.15 * canvas.texture.coarse[window]
    dark = 0.34 * pre * bump(depth - 12.0, 12.0) + 0.46 * post * bump(depth - 14.0, 17.0)
    bright = canvas.brightness[window]
    bright -= there * clumps * dark * np.clip(bright / 0.5, 0.0, 1.0)  # already dark pixels don't turn black
    thick = (pre & (depth < 30.0)) | (post & (depth < 42.0))
    canvas.labels[window][(there > 0.5) & thick & (canvas.labels[window] != MITOCHONDRIA)] = DENSITY


def _window(canvas: Canvas, centre_nm: F32, reach_nm: float) -> tuple[slice, slice]:
    ys = np.searchsorted(canvas.y_nm, (centre_nm[1] - reach_nm, centre_nm[1] + reach_nm))
    xs = np.searchsorted(canvas.x_nm, (centre_nm[2] - reach_nm, centre_nm[2] + reach_nm))
    return slice(int(ys[0]), int(ys[1])), slice(int(xs[0]), int(xs[1]))
