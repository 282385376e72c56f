"""A procedural stack of neuropil whose truth is known to the voxel.

It looks like electron microscopy, but nothing in it is a copy: cells, organelles, membranes and noise are random
functions of position in nm, so all modes and sizes show tissue of the right physical scale.

Labels (`Phantom.labels`), taken from the geometry and never from the image:

== ====================== ===========================================================================================
id class                  what it covers
== ====================== ===========================================================================================
0  none                   only where damage hides the tissue of a bad section
1  membrane               band of about 36 nm over the two membranes of neighbouring cells; also the axon inside myelin
2  cytoplasm              the rest of neurites and glia, with microtubules and endoplasmic reticulum
3  mitochondria           with both their membranes
4  vesicles               cloud of synaptic vesicles, the cytoplasm between them included
5  synaptic density       both sides and the cleft
6  extracellular space    where it is wide enough to be told from the membranes
7  myelin                 sheath of an axon
== ====================== ===========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, get_args

import numpy as np

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.phantom.anatomy import INSECT, VERTEBRATE, Anatomy
from napari_em_autoclass.core.phantom.canvas import Texture
from napari_em_autoclass.core.phantom.classes import CLASS_NAMES
from napari_em_autoclass.core.phantom.drawing import SectionPlane, draw_section
from napari_em_autoclass.core.phantom.fields import Bounds
from napari_em_autoclass.core.phantom.imaging import MODES, Mode, Textures, binned, develop, plan_looks
from napari_em_autoclass.core.phantom.tissue import Tissue, grow_tissue

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CLASS_NAMES", "DEFAULT_SHAPE", "Mode", "Phantom", "make_phantom"]

DEFAULT_SHAPE: MappingProxyType[str, tuple[int, int, int]] = MappingProxyType(
    {"sstem": (30, 512, 512), "fibsem": (96, 256, 256), "sbfsem": (40, 400, 400)}
)

_ANATOMY: MappingProxyType[Mode, Anatomy] = MappingProxyType({"sstem": INSECT, "fibsem": INSECT, "sbfsem": VERTEBRATE})

_MARGIN_NM = 130.0  # times the scale of the anatomy; cells reach into the stack from outside


@dataclass(frozen=True)
class Phantom:
    """Hold a made-up stack and its truth.

    Parameters
    ----------
    raw : ndarray, shape (Z, Y, X), uint8
        Grey values.
    labels : ndarray, shape (Z, Y, X), uint8
        Class ids.
    voxel_size_nm : tuple of float
        (z, y, x).
    class_names : dict of int to str
        Name of each id but 0.
    bad_sections : tuple of int
        Indices of damaged sections; only ssTEM of 8 sections or more has one.
    mode : {"sstem", "fibsem", "sbfsem"}
        Kind of microscope and tissue.
    seed : int
        What it was made from.
    """

    raw: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    voxel_size_nm: tuple[float, float, float]
    class_names: dict[int, str]
    bad_sections: tuple[int, ...]
    mode: Mode
    seed: int


def make_phantom(shape_zyx: tuple[int, int, int] | None = None, mode: Mode = "sstem", seed: int = 0) -> Phantom:
    """Make a stack of neuropil with its truth.

    Parameters
    ----------
    shape_zyx : tuple of int, optional
        Voxels per axis; `DEFAULT_SHAPE` of the mode if not given. A stack smaller than a bouton is cut around a
        synapse, so that it shows several classes.
    mode : {"sstem", "fibsem", "sbfsem"}
        "sstem": 50 x 4 x 4 nm, sharp, noisy, each section shifted and stained differently, one damaged.
        "fibsem": 8 x 8 x 8 nm, softer, with little noise.
        "sbfsem": 30 x 10 x 10 nm, noisy, well registered, and of a vertebrate: structures are 2 to 3 times as large.
    seed : int
        Same seed, mode and shape give the same stack; 0 or more.

    Returns
    -------
    Phantom
        The stack, its labels and what they mean.

    Raises
    ------
    InputError
        If the mode is unknown, the seed is negative or not whole, or the shape isn't three whole numbers from 1 on.
    """
    _check(shape_zyx, mode, seed)
    shape = DEFAULT_SHAPE[mode] if shape_zyx is None else (int(shape_zyx[0]), int(shape_zyx[1]), int(shape_zyx[2]))
    scope = MODES[mode]
    tissue_rng, look_rng, image_rng = np.random.default_rng([seed, get_args(Mode).index(mode)]).spawn(3)
    looks = plan_looks(shape[0], scope, look_rng)
    size_nm = np.array(shape) * scope.voxel_size_nm
    farthest = max(max(abs(v) for v in look.shift_yx_nm) for look in looks)
    anatomy = _ANATOMY[mode]
    room = np.maximum(size_nm, anatomy.room_nm)
    bounds = Bounds((0.0, 0.0, 0.0), (room[0], room[1], room[2])).padded(anatomy.scale * _MARGIN_NM + farthest)
    tissue = grow_tissue(bounds, tissue_rng, anatomy=anatomy)
    corner = _corner_nm(tissue, size_nm, room)
    finer = scope.finer
    textures = Textures((shape[1] * finer, shape[2] * finer), scope, image_rng)
    raw, labels = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    y, x = (corner[i] + (np.arange(shape[i] * finer) + 0.5) * scope.voxel_size_nm[i] / finer for i in (1, 2))
    for index, look in enumerate(looks):
        plane = SectionPlane(
            float(corner[0] + (index + 0.5) * scope.voxel_size_nm[0]),
            scope.thickness_nm,
            (y + look.shift_yx_nm[0]).astype(np.float32),
            (x + look.shift_yx_nm[1]).astype(np.float32),
        )
        brightness, truth = draw_section(tissue, plane, textures.section())
        raw[index], hidden = develop(binned(brightness, finer), look, scope, image_rng)
        labels[index] = np.where(hidden, 0, truth[finer // 2 :: finer, finer // 2 :: finer])
    bad = tuple(index for index, look in enumerate(looks) if look.is_bad)
    return Phantom(raw, labels, scope.voxel_size_nm, dict(CLASS_NAMES), bad, mode, seed)


def _check(shape_zyx: object, mode: str, seed: object) -> None:
    if mode not in MODES:
        raise InputError(f"unknown phantom mode {mode!r}; choose one of {', '.join(MODES)}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"the seed of a phantom is {seed!r}; give a whole number from 0 on")
    if shape_zyx is None:
        return
    lengths = tuple(shape_zyx) if isinstance(shape_zyx, Iterable) else ()
    if len(lengths) != 3 or not all(isinstance(n, int | np.integer) and n >= 1 for n in lengths):
        raise InputError(f"the shape of a phantom is {shape_zyx!r}; give three whole numbers from 1 on, z, y, x")


def _corner_nm(tissue: Tissue, size_nm: NDArray[np.float64], room: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where the stack begins: 0 along axes it fills, else around a synapse."""
    corners = [np.clip(synapse.centre_nm - size_nm / 2, 0.0, room - size_nm) for synapse in tissue.synapses]
    if not corners or not (size_nm < room).any():
        return np.asarray((room - size_nm) / 2)
    return max(corners, key=lambda corner: _variety(tissue, corner, size_nm))


def _variety(tissue: Tissue, corner: NDArray[np.float64], size_nm: NDArray[np.float64]) -> float:
    """Return how evenly the classes share the middle section of a stack: entropy of the class shares, nats."""
    # At most 48 x 48 pixels are enough to tell, and pixels below 4 nm would only cost time.
    counts = [int(np.clip(size_nm[i] / 4.0, 1, 48)) for i in (1, 2)]
    y, x = (
        np.linspace(corner[i], corner[i] + size_nm[i], n, dtype=np.float32) for i, n in zip((1, 2), counts, strict=True)
    )
    flat = np.zeros(counts, np.float32)
    plane = SectionPlane(float(corner[0] + size_nm[0] / 2), 0.0, y, x)
    _, labels = draw_section(tissue, plane, Texture(flat, flat, flat))
    share = np.bincount(labels.ravel()) / labels.size
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())
