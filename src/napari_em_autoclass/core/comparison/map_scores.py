"""The scores of a classifier on some sections of a volume, the same ones for every recipe.

A stack of up to 32 sections is scored whole, so that the figures are those of ``em-autoclass score``.  Of a larger one
16 pairs of neighbouring sections, spread evenly, are looked at, and of a large section a part, so that what is held
does not grow with the stack.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from napari_em_autoclass.core.class_relations import count_relations, sample_pairs
from napari_em_autoclass.core.comparison.rows import GROUPS
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.core.merge_tree import MergeTree
from napari_em_autoclass.core.scores.grouped import grouped_counts
from napari_em_autoclass.core.scores.held_out_bank import CHANNELS, held_out_features
from napari_em_autoclass.core.scores.label_free import (
    csev_of_moments,
    effective_classes,
    sample_boxes,
    z_kappa,
    z_mutual_information,
)
from napari_em_autoclass.core.scores.labelled import count_with_labels, score_counts
from napari_em_autoclass.core.scores.moments import class_moments
from napari_em_autoclass.core.scores.stream import open_ids, read_ids
from napari_em_autoclass.core.scores.table import contingency
from napari_em_autoclass.core.views import ViewSettings, change_contrast, turn, turn_back
from napari_em_autoclass.core.volume import Box

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_em_autoclass.core.model import Model
    from napari_em_autoclass.core.volume import ArrayLike, Volume

__all__ = ["MapScorer", "chosen_windows", "stability"]

_MOST_SECTIONS: Final = 32
_SIDE_PX: Final = 1024
_STABILITY_PATCHES: Final = 6
_STABILITY_SIDE_PX, _HALO_PX = 128, 64
_LABELLED: Final = ("merged_miou", "info_share", "v_measure")
_LARGEST_LABEL: Final = 65535


def chosen_windows(shape_zyx: tuple[int, int, int]) -> dict[int, Box]:
    """Return the part to score of each chosen section by its number: all of them, or 16 pairs spread evenly.

    All windows are of one size; the two of a pair, and those of neighbours, are at one place.
    """
    depth, height, width = shape_zyx
    high, wide = min(height, _SIDE_PX), min(width, _SIDE_PX)
    if depth <= _MOST_SECTIONS and (high, wide) == (height, width):
        return {z: Box(z, z + 1, 0, height, 0, width) for z in range(depth)}
    n_pairs = min(_MOST_SECTIONS, depth) // 2
    windows: dict[int, Box] = {}
    for i in range(n_pairs):
        z0 = round(i * (depth - 2) / max(n_pairs - 1, 1))
        # Spread evenly by Roberts's R2 sequence, as in `sample_boxes`.
        y0, x0 = (
            int((i + 0.5) * step % 1 * room) for step, room in ((0.7549, height - high + 1), (0.5698, width - wide + 1))
        )
        windows |= {z: Box(z, z + 1, y0, y0 + high, x0, x0 + wide) for z in (z0, z0 + 1)}
    return windows


class MapScorer:
    """Scores classifiers of one volume.

    Parameters
    ----------
    volume : what the recipes learn from
    labels : (Z, Y, X) integers; 0 = unlabelled; None where there are none

    Raises
    ------
    InputError
        If the labels are of another shape or no structures, or are missing in one half of the sections.
    """

    def __init__(self, volume: Volume, labels: ArrayLike | None = None) -> None:
        self.volume = volume
        self._windows = chosen_windows(volume.shape_zyx)
        self._pairs = [z for z, window in self._windows.items() if _is_followed(window, self._windows.get(z + 1))]
        self._truth = None if labels is None else self._read_truth(labels)

    @property
    def n_sections(self) -> int:
        """How many sections are looked at."""
        return len(self._windows)

    def scoring(self, model: Model) -> Generator[float, None, dict[str, float]]:
        """Score a model, in portions of a second or so; closing the generator gives up.

        Returns
        -------
        dict
            Figures by the keys of `rows.COLUMNS`; those of labels only where there are labels.

        Yields
        ------
        float
            The fraction done.
        """
        working = model.working(self.volume)
        maps: dict[int, NDArray[np.uint8]] = {}
        for z, box in self._windows.items():
            yield len(maps) / len(self._windows)
            maps[z] = model.classify(working, ViewRequest(z, box.y0, box.y1, box.x0, box.x1)).classes
        figures = self._without_labels(maps, model.settings.n_classes)
        figures["stability"] = stability(model, self.volume)
        if self._truth is not None:
            figures |= self._with_labels(maps, model.settings.n_classes, self._truth)
        return figures

    def _without_labels(self, maps: dict[int, NDArray[np.uint8]], n_classes: int) -> dict[str, float]:
        size = n_classes + 1
        usage, following = np.zeros(size, np.int64), np.zeros((size, size), np.int64)
        for z, ids in maps.items():
            usage += np.bincount(ids.ravel(), minlength=size)
            if z in self._pairs:
                following += contingency(ids, maps[z + 1], (size, size))
        same, after = (np.zeros((1 + 2 * len(CHANNELS), size)) for _ in range(2))
        for box, features in self._held_out:
            ids = self._part(maps, box)[0].ravel()
            for moments, channels in zip((same, after), features, strict=True):
                moments += class_moments(ids, channels, size)
        return {
            "effective_classes": effective_classes(usage[1:]),
            "z_kappa": z_kappa(following[1:, 1:]),
            "z_mutual_information": z_mutual_information(following[1:, 1:]),
            "csev": csev_of_moments(same, after),
        }

    def _with_labels(self, maps: dict[int, NDArray[np.uint8]], n_classes: int, truth: NDArray[Any]) -> dict[str, float]:
        counts = count_with_labels(np.stack(list(maps.values())), truth)
        scores = score_counts(counts)
        figures = {key: float(scores[key]) for key in _LABELLED}
        _, height, width = next(iter(self._windows.values())).shape
        pairs = [self._placed(box) for box in sample_pairs((len(self._pairs) + 1, height, width), (256, 256))]
        relations = count_relations(lambda box: self._part(maps, box), self.volume, n_classes, pairs)
        groups = MergeTree.of(relations).cut(GROUPS)
        figures[f"merged_miou_at_{GROUPS}_groups"] = float(score_counts(grouped_counts(counts, groups))["merged_miou"])
        return figures

    @cached_property
    def _held_out(self) -> list[tuple[Box, tuple[NDArray[np.float32], ...]]]:
        """Held-out features (2, C, N) of patches, at most 85 MB: every recipe is judged on the same."""
        _, height, width = next(iter(self._windows.values())).shape
        found = []
        for box in sample_boxes((len(self._pairs) + 1, height, width)):
            pair = self._placed(Box(box.z0, box.z0 + 2, box.y0, box.y1, box.x0, box.x1))
            sections = self.volume.read(pair)
            found.append((pair, tuple(held_out_features(section).reshape(len(CHANNELS), -1) for section in sections)))
        return found

    def _placed(self, box: Box) -> Box:
        """Return where a box of pair ``z0`` lies in the volume."""
        z = self._pairs[box.z0]
        window = self._windows[z]
        y, x = window.y0, window.x0
        return Box(z, z + 2, y + box.y0, y + box.y1, x + box.x0, x + box.x1)

    def _part(self, maps: dict[int, NDArray[np.uint8]], box: Box) -> NDArray[np.uint8]:
        window = self._windows[box.z0]
        rows, columns = slice(box.y0 - window.y0, box.y1 - window.y0), slice(box.x0 - window.x0, box.x1 - window.x0)
        return np.stack([maps[z][rows, columns] for z in range(box.z0, box.z1)])

    def _read_truth(self, labels: ArrayLike) -> NDArray[Any]:
        truth = open_ids(labels, "labels")
        if truth.shape_zyx != self.volume.shape_zyx:
            raise InputError(
                f"labels {truth.shape_zyx} and stack {self.volume.shape_zyx} differ in shape; choose its own labels"
            )
        read = np.stack([read_ids(truth, box, _LARGEST_LABEL)[0] for box in self._windows.values()])
        score_counts(count_with_labels(np.ones(read.shape, np.uint8), read))  # complains now, not after an hour
        return read


@torch.no_grad()
def stability(model: Model, volume: Volume) -> float:
    """Return how far pixels keep their class under another contrast and orientation, chance taken off.

    Cohen's kappa of the class map and of that of a turned copy with other grey values, turned back: 1 when nothing
    changes, 0 by chance and for a collapsed map.  On 6 patches of 128 pixels.
    """
    working, size = model.working(volume), model.settings.n_classes
    table = np.zeros((size, size), np.int64)
    generator = torch.Generator().manual_seed(0)
    inner = (..., slice(_HALO_PX, -_HALO_PX), slice(_HALO_PX, -_HALO_PX))
    boxes = sample_boxes(working.shape_zyx, _STABILITY_PATCHES, _STABILITY_SIDE_PX)
    for number, box in enumerate(boxes, start=1):
        # A square with its surroundings, a multiple of every stride a network may have.
        side, y0, x0 = _STABILITY_SIDE_PX + 2 * _HALO_PX, box.y0 - _HALO_PX, box.x0 - _HALO_PX
        wide = Box(box.z0, box.z0 + 1, y0, y0 + side, x0, x0 + side)
        image = torch.from_numpy(working.read_with_context(wide, model.classifier.context))[None]
        device = next(iter(model.classifier.state_dict().values())).device
        changed = turn(change_contrast(image, ViewSettings(), generator), number)
        plain, other = (model.classifier(view.to(device)).argmax(dim=1) for view in (image, changed))
        same, back = (found[inner].cpu().numpy().ravel() for found in (plain, turn_back(other, number)))
        table += contingency(same, back, (size, size))
    return z_kappa(table)


def _is_followed(window: Box, following: Box | None) -> bool:
    return following is not None and (window.y0, window.x0) == (following.y0, following.x0)
