"""Classify any part of a section through a fixed grid of tiles.

The grid depends on the volume and the model alone, and each tile is computed by itself with all the surroundings it
can see.  So a pixel's class is the same, bit for bit, whether it is asked for by the live preview, a block of the
whole-volume prediction, or a machine in a cluster, and neighbouring blocks meet without a seam.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from napari_em_autoclass.core.classifier.split_classifier import SplitClassifier
from napari_em_autoclass.core.events import UNCLEAR
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["Classifier", "TileGrid", "TileResult", "classify_tile"]

_MAX_TILE_PX = 256
# Numbers held for one tile at voxel resolution: classes x pixels.
_MAX_NUMBERS = 16_000_000


class Classifier(Protocol):
    """What turns normalised sections (N, 2 * context + 1, H, W) into logits (N, K, H, W)."""

    @property
    def stride(self) -> int:
        """Sides of the input must be multiples of this."""

    @property
    def radius_px(self) -> int:
        """How far from a pixel its class looks, in pixels."""

    @property
    def context(self) -> int:
        """Sections above and below that are seen beside the one to classify."""

    def __call__(self, image: Tensor, /, margin: int = 0) -> Tensor:
        """Return logits of what lies inside a margin of so many pixels, (N, K, H - 2 margin, W - 2 margin)."""


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Tiles of `height` x `width` working pixels that cover sections of `shape_yx`, each seen with `halo` around.

    The last of a row or column is as large as what is left, in steps of `stride`.
    """

    shape_yx: tuple[int, int]
    height: int
    width: int
    halo: int
    stride: int = 1

    @classmethod
    def fit(cls, working: WorkingVolume, classifier: Classifier, n_classes: int) -> TileGrid:
        """Return the grid for a volume and a model: tiles bounded in memory.

        Their sides are powers of two where there are several, so that blocks of whole tiles are whole chunks too.
        """
        stride = classifier.stride
        # One more pixel, because enlarging to voxels interpolates between neighbours.
        halo = -(-(classifier.radius_px + 1) // stride) * stride
        voxels = working.factors_yx[0] * working.factors_yx[1]
        fitting = int((_MAX_NUMBERS / (n_classes * voxels)) ** 0.5)
        limit = min(_MAX_TILE_PX, max(32, 1 << (fitting.bit_length() - 1) if fitting else 0))
        _, rows, columns = working.shape_zyx
        height, width = (-(-min(n, limit) // stride) * stride for n in (rows, columns))
        return cls((rows, columns), height, width, halo, stride)

    def corners(self) -> Iterator[tuple[int, int]]:
        """Yield the top left corner of each tile, row by row."""
        for y in range(0, self.shape_yx[0], self.height):
            for x in range(0, self.shape_yx[1], self.width):
                yield y, x

    def size_at(self, y: int, x: int) -> tuple[int, int]:
        """Return height and width of the tile whose top left corner is (y, x)."""
        height, width = (-(-n // self.stride) * self.stride for n in (self.shape_yx[0] - y, self.shape_yx[1] - x))
        return min(height, self.height), min(width, self.width)


class TileResult(NamedTuple):
    """What was found in one tile, on the voxel grid.

    `classes` (h, w) uint8, ids 1..K and of parts; `confidence` (h, w) uint8, top probability times 255, or (0, 0) if
    nothing but classes was asked for; `probs` (n, h, w) uint8 for the classes asked for, in their order.
    """

    box: Box
    classes: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    probs: NDArray[np.uint8]


@torch.no_grad()
def classify_tile(
    classifier: Classifier,
    working: WorkingVolume,
    grid: TileGrid,
    place: tuple[int, int, int],
    prob_classes: tuple[int, ...] | None = (),
) -> TileResult:
    """Return the classes of one tile.

    Parameters
    ----------
    classifier : in evaluation mode
    working : the volume
    grid : from `TileGrid.fit`
    place : section, and top left corner of the tile (working pixels)
    prob_classes : ids whose probabilities are wanted; `UNCLEAR` stands for the entropy; None leaves out the confidence
        too, which takes a third of the time beside the network
    """
    z, y, x = place
    fy, fx = working.factors_yx
    halo = grid.halo
    height, width = grid.size_at(y, x)
    box = Box(z, z + 1, y - halo, y + height + halo, x - halo, x + width + halo)
    image = working.read_with_context(box, classifier.context)  # (C, H + 2 halo, W + 2 halo)
    is_binned = (fy, fx) != (1, 1)
    # Enlarging to voxels interpolates between neighbours: one more pixel at each side.
    margin = halo - 1 if is_binned else halo
    logits = classifier(torch.from_numpy(image)[None].to(_device_of(classifier)), margin)  # (1, K, h, w)
    logits = logits.float().contiguous()  # class by class: what follows compares and adds whole maps
    if is_binned:
        logits = interpolate(logits, scale_factor=(float(fy), float(fx)), mode="bilinear", align_corners=False)
        logits = logits[..., fy:-fy, fx:-fx]
    depth, rows, columns = working.volume.shape_zyx
    box = Box(z, z + 1, y * fy, (y + height) * fy, x * fx, (x + width) * fx).clipped((depth, rows, columns))
    logits = logits[0, :, : box.shape[1], : box.shape[2]]
    if isinstance(classifier, SplitClassifier):
        ids, top, probs = classifier.tell_apart(logits)
    else:
        ids = _highest(logits)
        if prob_classes is None:
            return TileResult(box, _bytes(ids), np.zeros((0, 0), np.uint8), np.zeros((0, *ids.shape), np.uint8))
        probs = logits.softmax(dim=0)  # (K, h, w)
        top = probs.amax(dim=0)
    nothing = torch.zeros_like(top)  # where an id is no class's: a gap between parts, or a part of other weights
    known = [
        _unclear(logits) if k == UNCLEAR else probs[k - 1] if k <= len(probs) else nothing for k in prob_classes or ()
    ]
    wanted = torch.stack(known) if known else probs[:0]
    return TileResult(box, _bytes(ids), _bytes(top * 255 + 0.5), _bytes(wanted * 255 + 0.5))


def _highest(logits: Tensor) -> Tensor:
    """Return the id (h, w) of each pixel's most probable class, the first of equal ones; `logits` (K, h, w)."""
    if logits.device.type != "cpu":
        return logits.argmax(dim=0) + 1
    # Map by map, which stay in the cache: torch's argmax over so few takes three times as long on a processor, or more.
    best, ids = logits[0].clone(), torch.ones(logits.shape[1:], dtype=torch.uint8)
    for k in range(1, len(logits)):
        higher = (logits[k] > best).view(torch.uint8)
        torch.maximum(ids, higher.mul_(k + 1), out=ids)  # later ids are greater; to fill through a mask is slow
        torch.maximum(best, logits[k], out=best)
    return ids


def _unclear(logits: Tensor) -> Tensor:
    """Return the entropy of each pixel's classes by its greatest value, 0 to 1; `logits` (K, h, w)."""
    log_probs = logits.log_softmax(dim=0)
    return -(log_probs.exp() * log_probs).sum(dim=0) / math.log(max(len(logits), 2))


def _bytes(values: Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray(values.to(torch.uint8).cpu().numpy())


def _device_of(classifier: Any) -> torch.device:
    for tensor in (*classifier.parameters(), *classifier.buffers()):
        return torch.device(tensor.device)
    return torch.device("cpu")
