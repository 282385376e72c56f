"""A comparison of recipes as the dock asks for it, and what it shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_em_autoclass.core.comparison.rows import RecipeRow, in_order
from napari_em_autoclass.core.volume import ArrayLike, Volume
from napari_em_autoclass.gui.wishes import Wishes, settings_of

if TYPE_CHECKING:
    from napari_em_autoclass.core.comparison.comparer import Comparer

__all__ = ["ComparedMap", "ComparisonOrder", "map_of", "open_comparison"]


@dataclass(frozen=True)
class ComparisonOrder:
    """All that is needed to compare; made on the main thread, used in the worker's.

    `labels` (Z, Y, X) integers are those of a layer, None where none is chosen.
    """

    volume: Volume
    recipes: tuple[str, ...]
    n_classes: int
    seconds: float
    folder: Path
    labels: ArrayLike | None = None


@dataclass(frozen=True)
class ComparedMap:
    """The class map (h, w) uint8 of a part of section `z` by one recipe, in the colours that all share."""

    title: str
    z: int
    corner_yx: tuple[int, int]
    classes: NDArray[np.uint8]
    n_classes: int


def open_comparison(order: ComparisonOrder) -> Comparer:
    """Return the comparison, ready for `events`; slow, since it imports torch.

    Raises
    ------
    InputError
        If stack or labels can't be used, or the folder holds another comparison.
    """
    from napari_em_autoclass.core.comparison.comparer import Comparer
    from napari_em_autoclass.core.comparison.map_scores import MapScorer
    from napari_em_autoclass.core.trainer import Trainer
    from napari_em_autoclass.io.comparison_folder import ComparisonFolder, wished_for

    wishes = (Wishes(name, order.n_classes, order.seconds) for name in order.recipes)
    settings = {each.recipe: settings_of(each) for each in wishes}
    first = next(iter(settings.values()))
    Trainer(order.volume, first)  # complains of a stack that can't be used, before a folder is made
    scorer = MapScorer(order.volume, order.labels)
    wished: dict[str, Any] = {"labels": None if order.labels is None else "of a layer", **wished_for(first)}
    folder = ComparisonFolder.open(order.folder, wished, order.volume, order.labels)
    return Comparer(scorer, settings, folder)


def map_of(
    recipe: str, title: str, volume: Volume, rows: Mapping[str, RecipeRow], maps: Mapping[str, NDArray[np.uint8]]
) -> ComparedMap:
    """Return a recipe's map in the colours of the best recipe so far.

    Parameters
    ----------
    recipe, title : whose map, and what people call it
    volume : that was compared on
    rows, maps : by recipe; maps are those of `comparer.compared_view`
    """
    from napari_em_autoclass.core.comparison.colours import matched_maps
    from napari_em_autoclass.core.comparison.comparer import compared_view

    best = next(row.recipe for row in in_order(rows.values()) if row.recipe in maps)
    matched = matched_maps({best: maps[best], recipe: maps[recipe]}, best)[recipe]
    view = compared_view(volume)
    n_classes = max(int(ids.max()) for ids in maps.values())
    return ComparedMap(title, view.z, (view.y0, view.x0), matched, max(n_classes, 1))
