"""Find the parts of one class: k-means among its own pixels, in the embedding in which the classes were made."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from napari_em_autoclass.core.class_relations import sample_pairs
from napari_em_autoclass.core.classifier.split_classifier import embedded
from napari_em_autoclass.core.edge_smoothing import smoothed, smoothing_steps_px
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.split import MAX_PARTS, FoundParts
from napari_em_autoclass.core.tiling import TileGrid
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_em_autoclass.core.events import ViewRequest
    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.volume import Volume
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["find_parts"]

_TILES: Final = 8
_IN_VIEW: Final = 2
_PIXELS: Final = 16_000  # enough for centres of six parts; more tiles are not looked at
_PER_TILE: Final = 4_000
_LEAST_PIXELS: Final = 40  # per part


def find_parts(
    model: Model,
    volume: Volume,
    class_and_parts: tuple[int, int],
    view: ViewRequest | None = None,
    report: Callable[[float], None] = lambda _: None,
) -> FoundParts:
    """Return the parts of a class, from some tiles of a stack: those in view first, then others all over it.

    The embedding is smoothed along structures before it is clustered, as where the classes themselves are made.

    Parameters
    ----------
    model : what a run learned
    volume : the stack
    class_and_parts : id of the class, 1 to K, and into how many parts, 2 to 6
    view : what somebody looks at
    report : called with the fraction done (0 to 1) before each tile; may raise to end early

    Raises
    ------
    InputError
        If there is no such class, too few of its pixels were seen, or the volume can't be read.
    """
    class_id, n_parts = class_and_parts
    n_classes = model.settings.n_classes
    if not 1 <= class_id <= n_classes:
        raise InputError(f"only a class is split, 1 to {n_classes}; there is none of id {class_id}")
    if not 2 <= n_parts <= MAX_PARTS:
        raise InputError(f"a class can be split into 2 to {MAX_PARTS} parts, not {n_parts}")
    working = model.working(volume)
    rng = np.random.default_rng((model.settings.seed, 6, class_id))
    found: list[NDArray[np.float32]] = []
    for i, place in enumerate(_places(working, model, view)):
        report(i / _TILES)
        pixels = _pixels_of_class(model, working, place, class_id)  # (n, E)
        found.append(pixels[rng.permutation(len(pixels))[:_PER_TILE]])
        if sum(map(len, found)) >= _PIXELS:
            break
    sample = np.concatenate(found)
    if len(sample) < n_parts * _LEAST_PIXELS:
        raise InputError(f"class {class_id} is too rare where it was looked for; go to a section that shows it")
    report(1.0)
    return _clustered(sample, class_id, n_parts, model)


def _clustered(sample: NDArray[np.float32], class_id: int, n_parts: int, model: Model) -> FoundParts:
    from sklearn.cluster import KMeans  # noqa: PLC0415  a second of import time that the dock needn't pay

    fitted = KMeans(n_parts, n_init=4, random_state=model.settings.seed).fit(sample)
    order = np.argsort(-np.bincount(fitted.labels_, minlength=n_parts), kind="stable")
    centres = np.asarray(fitted.cluster_centers_, np.float32)[order]  # (parts, E)
    within = float(fitted.inertia_) / len(sample)
    # As for the classes: a tenth of the spread inside a part, sure in its middle, undecided at its edge.
    temperature = max(within / 10, 1e-6)
    return FoundParts(class_id, tuple(tuple(c.tolist()) for c in centres), temperature, model.weights)


def _places(working: WorkingVolume, model: Model, view: ViewRequest | None) -> Iterator[tuple[int, int, int]]:
    """Yield section and corner of tiles: those nearest to the middle of the view, then some spread over the stack."""
    grid, (fy, fx) = TileGrid.fit(working, model.classifier, model.settings.n_classes), working.factors_yx
    near: list[tuple[int, int, int]] = []
    if view is not None:
        y, x = (view.y0 + view.y1) / 2 / fy - grid.height / 2, (view.x0 + view.x1) / 2 / fx - grid.width / 2
        corners = sorted(grid.corners(), key=lambda corner: (corner[0] - y) ** 2 + (corner[1] - x) ** 2)
        z = min(max(view.z, 0), working.shape_zyx[0] - 1)
        near = [(z, *corner) for corner in corners[:_IN_VIEW]]
    spread = ((box.z0, box.y0, box.x0) for box in sample_pairs(working.shape_zyx, (grid.height, grid.width), _TILES))
    yield from islice(dict.fromkeys((*near, *spread)), _TILES)


@torch.no_grad()
def _pixels_of_class(
    model: Model, working: WorkingVolume, place: tuple[int, int, int], class_id: int
) -> NDArray[np.float32]:
    """Return the smoothed embedding (n, E) of the pixels of a class in a tile."""
    grid = TileGrid.fit(working, model.classifier, model.settings.n_classes)
    (z, y, x), halo = place, grid.halo
    box = Box(z, z + 1, y - halo, y + grid.height + halo, x - halo, x + grid.width + halo)
    image = torch.from_numpy(working.read_with_context(box, model.classifier.context))[None]
    embedding, logits = embedded(model.classifier, image.to(next(iter(model.classifier.buffers())).device))
    inner = (..., slice(halo, halo + grid.height), slice(halo, halo + grid.width))
    own, scores = embedding.float()[inner][0], logits[inner][0]  # (E, h, w), (K, h, w)
    steps = smoothing_steps_px(model.settings.classifier.smoothing_nm, sum(working.pixel_nm) / 2)
    here = scores.argmax(dim=0) == class_id - 1
    _, rows, columns = working.shape_zyx
    here[rows - y :] = False  # what is beyond the edge is a mirror image
    here[:, columns - x :] = False
    return np.asarray(smoothed(own, own, steps)[:, here].T.cpu().numpy(), np.float32)
