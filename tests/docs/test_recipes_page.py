"""The page of recipes tells all of them, with figures where there are some."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from napari_em_autoclass.core.recipe import recipe_card, recipe_names

SOURCE = Path(__file__).parents[2] / "docs" / "recipes_page.py"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recipes_page", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_recipe_has_a_section_with_its_papers(page: ModuleType, tmp_path: Path) -> None:
    text = page.recipes_page(tmp_path / "absent.json")
    for name in recipe_names():
        card = recipe_card(name)
        assert f"\n### {card.title}\n\n{card.about}" in text
        assert all(f"- *Paper*: {paper}" in text for paper in card.papers)
    assert "None were taken yet" in text
    assert "- *Strives for*: `forecast` × 1, " in text
    assert "`training.refine_from` = 0.0" in text


def test_figures_stand_in_a_table_and_beside_their_recipe(page: ModuleType, tmp_path: Path) -> None:
    about = {"shape_zyx": [30, 512, 512], "classes": 20, "seed": 0, "seconds": 60.0}
    rows = [
        {"recipe": "filters", "outcome": "finished", "csev": 0.25, "effective_classes": 18.0},
        {"recipe": "a recipe of before", "outcome": "failed", "reason": "gone"},
    ]
    (tmp_path / "figures.json").write_text(json.dumps({"comparison": about, "rows": rows}))
    text = page.recipes_page(tmp_path / "figures.json")
    assert "30 × 512 × 512 voxels), 20 classes, seed 0, 60 s of training each" in text
    assert "| `filters` | .250 | 18.0 | finished |" in text
    assert "- *On the phantom*: finished, CSEV .250, classes 18.0" in text
    assert "Not measured yet: " in text
