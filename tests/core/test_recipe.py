from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.recipe import DEFAULT_RECIPE, GROUPS, recipe_card, recipe_names, recipe_tree
from napari_em_autoclass.core.run_settings import load_recipe


def written(folder: Path, tree: object) -> str:
    path = folder / "my-own.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    return str(path)


def test_the_default_comes_first_then_group_by_group() -> None:
    names = recipe_names()
    assert names[0] == DEFAULT_RECIPE
    order = list(GROUPS)
    places = [order.index(recipe_card(name).group) for name in names]
    assert places == sorted(places)


@pytest.mark.parametrize("name", recipe_names())
def test_a_tree_holds_settings_alone(name: str) -> None:
    assert recipe_tree(name)["recipe"] == name
    assert not recipe_tree(name).keys() & {"about", "system", "papers", "group"}


def test_a_recipe_of_ones_own_is_named_by_its_file(tmp_path: Path) -> None:
    name = written(tmp_path, {"about": "Mine.", "terms": [{"kind": "forecast", "weight": 0.5}]})
    settings = load_recipe(name)
    assert settings.recipe == "my-own"
    assert [term.weight for term in settings.terms] == [0.5]
    card = recipe_card(name)
    assert (card.name, card.about, card.group, card.title) == ("my-own", "Mine.", "own", "My own")


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ([1, 2], "holds no recipe"),
        ({"terms": [{"kind": "no such term"}]}, "no such term"),
        ({"n_classes": 1}, "n_classes"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, tree: object, said: str) -> None:
    with pytest.raises(InputError, match=said) as told:
        load_recipe(written(tmp_path, tree))
    assert "\n" not in str(told.value)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.json").write_text(" " * 1_000_001)
    for name in ("deep", "binary"):
        with pytest.raises(InputError, match="no JSON"):
            recipe_card(str(tmp_path / f"{name}.json"))
    with pytest.raises(InputError, match="too large"):
        recipe_card(str(tmp_path / "large.json"))
    with pytest.raises(InputError, match="No such file"):
        recipe_card(str(tmp_path / "missing.json"))


@pytest.mark.parametrize("name", ["", "no-such", "../recipes/filters", "..\\filters"])
def test_an_unknown_name_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(InputError, match="choose one of: neighbour-forecast"):
        recipe_tree(name)


def test_reading_recipes_does_not_import_torch() -> None:
    program = (
        "import sys; from napari_em_autoclass.core.recipe import recipe_names, recipe_card;"
        "[recipe_card(name) for name in recipe_names()]; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
