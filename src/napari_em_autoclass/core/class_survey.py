"""Look over a stack with what a run learned: statistics of the classes, and patches that show each at its best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from napari_em_autoclass.core.class_relations import sample_pairs
from napari_em_autoclass.core.class_statistics import ClassStatistics, StatisticsCounter
from napari_em_autoclass.core.snapshot import classify_view
from napari_em_autoclass.core.tiling import TileGrid
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_em_autoclass.core.class_map import ClassMap
    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.snapshot import ViewMap
    from napari_em_autoclass.core.split import Split
    from napari_em_autoclass.core.volume import Volume

__all__ = ["Exemplar", "Survey", "survey"]

_PATCHES: Final = 6  # pairs of tiles; one takes about 1.5 s on one core
_SIDE_PX: Final = 48  # of an exemplar, working pixels
_AROUND_PX: Final = 9  # over so many working pixels a place is judged, not by a single one
_LEAST_SHARE: Final = 0.25  # of these that must be of the class


@dataclass(frozen=True, slots=True, eq=False)
class Exemplar:
    """A place that shows a class: where it is surest or least sure of it.

    Parameters
    ----------
    id : of the class or part
    kind : "typical" or "unclear"
    place_zyx : the voxel in its middle
    score : mean probability of the class around it, 0 to 1
    patch : (h, w) uint8, grey values around it
    """

    id: int
    kind: Literal["typical", "unclear"]
    place_zyx: tuple[int, int, int]
    score: float
    patch: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Statistics, estimated from some places, and exemplars of each id; `splits` are those that were looked through."""

    statistics: ClassStatistics
    exemplars: tuple[Exemplar, ...]
    splits: tuple[Split, ...]

    def of_row(self, class_map: ClassMap, row: int, n: int) -> tuple[tuple[Exemplar, ...], tuple[Exemplar, ...]]:
        """Return the `n` most typical and the `n` least clear exemplars of a row."""
        own = [exemplar for exemplar in self.exemplars if exemplar.id in class_map.members(row)]
        typical = sorted((e for e in own if e.kind == "typical"), key=lambda e: -e.score)
        unclear = sorted((e for e in own if e.kind == "unclear"), key=lambda e: e.score)
        return tuple(typical[:n]), tuple(unclear[:n])


def survey(
    model: Model, volume: Volume, splits: Sequence[Split] = (), report: Callable[[float], None] = lambda _: None
) -> Survey:
    """Return statistics and exemplars from pairs of tiles spread over a stack, never holding more than one tile.

    Parameters
    ----------
    model : what a run learned
    volume : the stack
    splits : classes to look at in parts
    report : called with the fraction done (0 to 1) before each pair; may raise to end early

    Raises
    ------
    InputError
        If the volume can't be read.
    """
    classifier, working = model.split(splits), model.working(volume)
    n_classes = model.settings.n_classes
    n_ids = max((n_classes, *(i for split in splits for i in split.ids)))
    grid, (fy, fx) = TileGrid.fit(working, model.classifier, n_classes), working.factors_yx
    pairs = sample_pairs(volume.shape_zyx, (grid.height * fy, grid.width * fx), _PATCHES)
    counter = StatisticsCounter(n_ids, volume.shape_zyx, volume.voxel_size_nm)
    exemplars: list[Exemplar] = []
    wanted = tuple(range(1, n_ids + 1))
    for i, box in enumerate(pairs):
        report(i / len(pairs))
        found = classify_view(classifier, working, n_classes, _view(box, box.z0, wanted))
        sections = [found.classes]
        if box.z1 - box.z0 > 1:
            sections.append(classify_view(classifier, working, n_classes, _view(box, box.z0 + 1, ())).classes)
        counter.add(box.z0, np.stack(sections), _entropy_bits(found, n_classes))
        exemplars += _exemplars(found, box, volume, (fy, fx))
    report(1.0)
    return Survey(counter.done(), tuple(exemplars), tuple(splits))


def _view(box: Box, z: int, wanted: tuple[int, ...]) -> Any:
    from napari_em_autoclass.core.events import ViewRequest  # noqa: PLC0415

    return ViewRequest(z, box.y0, box.y1, box.x0, box.x1, wanted)


def _entropy_bits(found: ViewMap, n_classes: int) -> NDArray[np.float64]:
    """Return the entropy (h, w) of the K classes; parts don't count, they share their class's probability."""
    total = np.zeros(found.classes.shape)
    for class_id, prob in found.probs:
        if class_id <= n_classes:
            p = prob / 255
            total -= np.where(prob > 0, p * np.log2(np.maximum(p, 1e-9)), 0.0)
    return np.maximum(total, 0.0)


def _exemplars(found: ViewMap, box: Box, volume: Volume, factors_yx: tuple[int, int]) -> list[Exemplar]:
    """Return the surest and the least sure place of each id in a tile."""
    from scipy.ndimage import uniform_filter  # noqa: PLC0415

    size = tuple(_AROUND_PX * f for f in factors_yx)
    probs, made = dict(found.probs), list[Exemplar]()
    for own_id in np.unique(found.classes[found.classes > 0]).tolist():
        own = (found.classes == own_id).astype(np.float32)
        here = uniform_filter(own, size, mode="constant")
        mean = uniform_filter(own * probs[own_id], size, mode="constant") / np.maximum(here, 1e-6) / 255
        inside = (own > 0) & (here >= min(_LEAST_SHARE, float(here.max())))
        if not inside.any():
            continue
        # Surest where it fills the surroundings too: a lone sure pixel shows nothing of the class.
        best = np.where(inside, mean * here, -1.0)
        worst = np.where(inside, mean, 2.0)
        for kind, at in (("typical", int(best.argmax())), ("unclear", int(worst.argmin()))):
            y, x = divmod(at, found.classes.shape[1])
            place = (box.z0, box.y0 + y, box.x0 + x)
            patch = _patch(volume, place, factors_yx)
            made.append(Exemplar(own_id, kind, place, float(mean[y, x]), patch))  # type: ignore[arg-type]
    return made


def _patch(volume: Volume, place_zyx: tuple[int, int, int], factors_yx: tuple[int, int]) -> NDArray[np.uint8]:
    """Return grey values around a place, moved inward at the edge, stretched to 0..255."""
    z, starts = place_zyx[0], []
    for middle, factor, length in zip(place_zyx[1:], factors_yx, volume.shape_zyx[1:], strict=True):
        side = min(_SIDE_PX * factor, length)
        starts.append((min(max(middle - side // 2, 0), length - side), side))
    (y0, high), (x0, wide) = starts
    raw = volume.read(Box(z, z + 1, y0, y0 + high, x0, x0 + wide))[0, :: factors_yx[0], :: factors_yx[1]]
    low, top = np.percentile(raw, (1, 99))
    scaled = np.clip((raw.astype(np.float32) - low) / max(float(top - low), 1e-6), 0, 1)
    return np.ascontiguousarray(scaled * 255, np.uint8)
