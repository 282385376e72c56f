from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.core.recipe import GROUPS, recipe_card, recipe_names
from napari_em_autoclass.core.run_settings import load_recipe


def test_every_recipe_is_listed_under_its_heading(em_autoclass: Any) -> None:
    lines = em_autoclass("recipes").out.splitlines()
    heading, found = "", {}
    for line in lines:
        if not line.startswith(" "):
            heading = line
        elif not line.startswith("      "):
            found[line.split()[0]] = heading
    assert found == {name: GROUPS[recipe_card(name).group] for name in recipe_names()}


def test_the_list_as_json(em_autoclass: Any) -> None:
    told = json.loads(em_autoclass("recipes", "--json").out)
    assert [card["name"] for card in told["recipes"]] == list(recipe_names())


@pytest.mark.parametrize("name", ["neighbour-forecast", "simclr"])
def test_a_recipe_shown_as_json_is_a_recipe_of_ones_own(em_autoclass: Any, tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(em_autoclass("recipes", name, "--json").out, encoding="utf-8")
    assert load_recipe(str(path)) == load_recipe(name).replace(recipe="mine")
    assert recipe_card(str(path)).about == recipe_card(name).about


def test_a_recipe_is_shown_with_its_papers(em_autoclass: Any) -> None:
    out = em_autoclass("recipes", "simclr").out
    assert out.startswith("SimCLR: ")
    assert "Chen et al. 2020" in out
    assert '"contrast"' in out


def test_an_unknown_recipe_is_refused(em_autoclass: Any) -> None:
    done = em_autoclass("recipes", "no-such")
    assert done.code == 2
    assert "choose one of: neighbour-forecast" in done.err
