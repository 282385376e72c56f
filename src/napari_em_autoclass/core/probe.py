"""Paint to teach: from some painted voxels and what a run learned to a map of the painted kinds, in seconds.

The network stays as it is.  A linear rule (balanced multinomial logistic regression) is fitted to what it knows of the
painted pixels: its embedding, the same averaged over some surroundings, and its class probabilities.  The rule is a
classifier like any other, so that it is applied tile by tile as `predict` does, without a seam.

How much of a kind is painted says nothing of how frequent it is.  So the rule is fitted as if all were equally
frequent, and how frequent they are is then found on pixels nobody painted, as the shares that explain themselves.
Measured on isbi2012 (85 steps of training, 200 painted pixels of each of 4 kinds, 3 draws, on cached features of every
other pixel): mean IoU .57, without the shares .48.

Sources: linear probes, Alain & Bengio, Understanding intermediate layers using linear classifier probes, 2016; shares,
Saerens, Latinne & Decaestecker, Adjusting the outputs of a classifier to new a priori probabilities, Neural
Computation 14, 21 (2002), equation 2.8.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from napari_em_autoclass.core.classifier.probe_classifier import AROUND_PX, ProbeClassifier, n_numbers_of, numbers
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.palette import MAX_CLASSES
from napari_em_autoclass.core.predict import ClassBlock, predict_blocks
from napari_em_autoclass.core.scores.stream import iter_blocks, open_ids, read_ids
from napari_em_autoclass.core.tiling import TileGrid
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.volume import ArrayLike, Volume
    from napari_em_autoclass.core.working import WorkingVolume

__all__ = ["MOST_PER_KIND", "Probe", "fit_probe", "painted_places", "probe_blocks"]

#: Painted voxels used of each kind at most; more are drawn from evenly.
MOST_PER_KIND: Final = 2000
_INVERSE_PENALTY: Final = 0.1  # of the regression; of 0.001, 0.01, 0.1 and 1 the best on isbi2012
# Tiles looked at besides the painted ones, and pixels drawn of each, for how frequent the kinds are.
_SPREAD_TILES: Final = 6
_PIXELS_PER_TILE: Final = 512
_LEAST_SHARE: Final = 1e-3
_SEED: Final = 0


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A rule that was taught.

    Parameters
    ----------
    ids : what was painted, ascending, 1 to 254; the map holds these ids
    weight, bias : (C, F) and (C,) float32, a row for each of `ids`
    names : of the ids, as far as given
    facts : how it came about; anything that JSON can hold
    """

    ids: tuple[int, ...]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    names: dict[int, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check at the door, once."""
        n = len(self.ids)
        fits = self.weight.ndim == 2 and len(self.weight) == n and self.bias.shape == (n,)
        if n < 2 or sorted(set(self.ids)) != list(self.ids) or not 1 <= self.ids[0] <= self.ids[-1] <= MAX_CLASSES:
            raise InputError(f"a probe needs two or more ids from 1 to {MAX_CLASSES}, got {list(self.ids)}")
        if not fits or not (np.isfinite(self.weight).all() and np.isfinite(self.bias).all()):
            raise InputError("the numbers of the probe are damaged; teach it again")

    def model(self, model: Model) -> Model:
        """Return a model that gives class ``i + 1`` where this rule sees ``ids[i]``.

        Raises
        ------
        InputError
            If the rule was taught on top of another network.
        """
        _, n_numbers = self.weight.shape
        here = n_numbers_of(model.classifier)
        if n_numbers != here:
            raise InputError(
                f"the probe was taught with {n_numbers} numbers a pixel, this run gives {here}; teach anew"
            )
        device = next(iter(model.classifier.buffers())).device
        rule = (torch.from_numpy(part.copy()).to(device) for part in (self.weight, self.bias))
        taught: Any = ProbeClassifier(model.classifier, *rule).eval()
        return replace(model, classifier=taught, settings=model.settings.replace(n_classes=len(self.ids)))

    def lookup(self) -> NDArray[np.uint8]:
        """Return the table class of `model` -> painted id, shape (C + 1,); 0 stays 0."""
        return np.array([0, *self.ids], np.uint8)


def probe_blocks(probe: Probe, model: Model, volume: Volume) -> Iterator[ClassBlock]:
    """Yield the map of `volume` in the blocks of `predict.predict_blocks`, with the ids that were painted.

    Raises
    ------
    InputError
        If the probe doesn't fit the model, or the file can't be read.
    """
    lookup = probe.lookup()
    for block in predict_blocks(probe.model(model), volume):
        yield ClassBlock(block.box, lookup[block.classes], None)


def fit_probe(
    model: Model, volume: Volume, painted: ArrayLike, report: Callable[[float], None] = lambda _: None
) -> Probe:
    """Return the rule that tells the painted kinds apart.

    Parameters
    ----------
    model : what a run learned
    volume : the stack that was painted on, not necessarily the one it learned from
    painted : (Z, Y, X) integers on the grid of `volume`; 0 is not painted
    report : called with the fraction done (0 to 1) before each tile; may raise to end early

    Raises
    ------
    InputError
        If the shapes differ, fewer than two kinds are painted, or an id is above 254.
    """
    if tuple(painted.shape) != volume.shape_zyx:
        raise InputError(f"painted {tuple(painted.shape)} and volume {volume.shape_zyx} differ in shape")
    places = painted_places(painted)
    if len(places) < 2:
        raise InputError(f"{len(places)} kinds are painted; paint at least two (e.g. one for the background)")
    ids = np.concatenate([np.full(len(found), kind) for kind, found in places.items()])
    samples, others = _numbers_at(model, model.working(volume), np.concatenate(list(places.values())), report)
    weight, bias = _fitted(samples, ids)
    shares = _shares(others @ weight.T + bias)
    facts = {
        "painted": {str(kind): len(found) for kind, found in places.items()},
        "shares": {str(kind): round(float(share), 4) for kind, share in zip(places, shares, strict=True)},
        "volume": volume.name,
    }
    return Probe(tuple(places), weight, (bias + np.log(shares)).astype(np.float32), facts=facts)


def painted_places(painted: ArrayLike, most_per_kind: int = MOST_PER_KIND) -> dict[int, NDArray[np.int64]]:
    """Return up to `most_per_kind` voxels (n, 3) of each painted id, drawn evenly; by ascending id.

    Raises
    ------
    InputError
        If ids are no integers, negative or above 254.
    """
    ids = open_ids(painted, "painted")
    rng = np.random.default_rng(_SEED)
    kept: dict[int, tuple[NDArray[np.float64], NDArray[np.int64]]] = {}
    for box in iter_blocks(ids.shape_zyx):
        block = read_ids(ids, box, MAX_CLASSES)
        if not block.any():
            continue
        for kind in np.unique(block[block > 0]).tolist():
            found = np.argwhere(block == kind) + np.array((box.z0, box.y0, box.x0))
            # The smallest of random numbers: an even draw without knowing how many are still to come.
            drawn = (rng.random(len(found)), found)
            before = kept.get(kind, (np.empty(0), np.empty((0, 3), np.int64)))
            draws, places = (np.concatenate(pair) for pair in zip(before, drawn, strict=True))
            best = np.sort(np.argsort(draws)[:most_per_kind])
            kept[kind] = draws[best], places[best]
    return {kind: kept[kind][1] for kind in sorted(kept)}


def _numbers_at(
    model: Model, working: WorkingVolume, places: NDArray[np.int64], report: Callable[[float], None]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the numbers (n, F) of voxels (n, 3), and of pixels (m, F) from all over the stack; each tile once."""
    grid, halo = _grid(model, working)
    fy, fx = working.factors_yx
    at = places // (1, fy, fx)  # (n, 3) working pixels
    corners = [(z, y, x) for z in range(working.shape_zyx[0]) for y, x in grid.corners()]
    spread = np.array(corners)[np.linspace(0, len(corners) - 1, _SPREAD_TILES).astype(int)]
    sides = np.array((1, grid.height, grid.width))
    tiles, tile_of = np.unique(np.concatenate([at // sides * sides, spread]), axis=0, return_inverse=True)
    device, rng = next(iter(model.classifier.buffers())).device, np.random.default_rng(_SEED)
    samples: dict[int, NDArray[np.float32]] = {}
    others = []
    for index, (z, y, x) in enumerate(tiles.tolist()):
        report(index / len(tiles))
        box = Box(z, z + 1, y - halo, y + grid.height + halo, x - halo, x + grid.width + halo)
        image = working.read_with_context(box, model.classifier.context)
        found = numbers(model.classifier, torch.from_numpy(image)[None].to(device))[0]  # (F, h, w)
        here = np.flatnonzero(tile_of.ravel()[: len(at)] == index)
        high, wide = (min(side, n - low) for side, n, low in zip(sides[1:], working.shape_zyx[1:], (y, x), strict=True))
        drawn = np.stack([rng.integers(0, side, _PIXELS_PER_TILE) for side in (high, wide)], axis=1)  # (m, 2)
        inside = torch.from_numpy(np.concatenate([at[here, 1:] - (y, x), drawn]) + halo)
        values = found[:, inside[:, 0], inside[:, 1]].T.float().cpu().numpy()  # (n + m, F)
        samples |= dict(zip(here.tolist(), values, strict=False))
        others.append(values[len(here) :])
    return np.stack([samples[i] for i in range(len(at))]), np.concatenate(others)


def _grid(model: Model, working: WorkingVolume) -> tuple[TileGrid, int]:
    """Return the tiles that `predict` has, and what must be seen around each, working pixels."""
    reach, stride = max(AROUND_PX) // 2, model.classifier.stride
    grid = TileGrid.fit(working, model.classifier, model.settings.n_classes)
    return grid, grid.halo + -(-reach // stride) * stride


def _fitted(samples: NDArray[np.float32], ids: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weight (C, F) and bias (C,) for numbers as they are, fitted on numbers of unit variance."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    mean, scale = samples.mean(0), np.maximum(samples.std(0), 1e-6)
    rule = LogisticRegression(C=_INVERSE_PENALTY, class_weight="balanced", max_iter=500)
    rule.fit((samples - mean) / scale, ids)
    coefficients, intercept = rule.coef_, rule.intercept_
    if len(coefficients) == 1:  # of two kinds only the second has a row
        coefficients, intercept = (
            np.concatenate([-coefficients, coefficients]) / 2,
            np.append(-intercept, intercept) / 2,
        )
    weight = coefficients / scale
    return weight.astype(np.float32), (intercept - weight @ mean).astype(np.float32)


def _shares(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how frequent each kind is (C,), from logits (m, C) of pixels that hold for equally frequent kinds."""
    likely = np.exp(logits - logits.max(1, keepdims=True)).astype(np.float64)
    shares = np.full(logits.shape[1], 1 / logits.shape[1])
    for _ in range(100):
        posterior = likely * shares
        shares = (posterior / posterior.sum(1, keepdims=True)).mean(0)
    shares = np.maximum(shares, _LEAST_SHARE)
    return np.asarray(shares / shares.sum())
