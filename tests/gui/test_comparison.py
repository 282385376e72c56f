from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.comparison.rows import RecipeRow
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.comparison import ComparisonOrder, map_of, open_comparison


def order(phantom: Any, folder: Path, labels: Any = None, recipes: tuple[str, ...] = ("filters",)) -> ComparisonOrder:
    stack = Volume(phantom.raw.repeat(5, axis=1).repeat(5, axis=2), phantom.voxel_size_nm, "phantom")
    return ComparisonOrder(stack, recipes, 6, 1.0, folder, labels)


def test_an_order_becomes_a_comparison_with_a_folder(phantom: Any, tmp_path: Path) -> None:
    comparer = open_comparison(order(phantom, tmp_path / "out"))
    events = list(comparer.events())
    assert [event.row.recipe for event in events if type(event).__name__ == "RecipeDone"] == ["filters"]
    assert (tmp_path / "out" / "compare.png").is_file()


def test_labels_that_do_not_fit_are_refused_before_a_folder_is_made(phantom: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="differ in shape"):
        open_comparison(order(phantom, tmp_path / "out", np.ones((2, 3, 4), np.uint8)))
    assert not (tmp_path / "out").exists()


def test_a_map_takes_the_colours_of_the_best_recipe(rng: np.random.Generator) -> None:
    volume = Volume(np.zeros((5, 8, 9), np.uint8), (50.0, 4.0, 4.0))
    best = rng.integers(1, 5, (8, 9), dtype=np.uint8)
    maps = {"poor": np.array([0, 2, 3, 4, 1], np.uint8)[best], "good": best}
    rows = {name: RecipeRow(name, "finished", "", {"csev": csev}) for name, csev in (("poor", 0.1), ("good", 0.2))}
    compared = map_of("poor", "Poor", volume, rows, maps)
    np.testing.assert_array_equal(compared.classes, best)
    assert (compared.z, compared.corner_yx, compared.n_classes, compared.title) == (2, (0, 0), 4, "Poor")
