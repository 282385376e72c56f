from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.cli.compare import chosen_recipes, recipes_with
from napari_em_autoclass.cli.phantom import labels_beside
from napari_em_autoclass.cli.train import Wishes
from napari_em_autoclass.core.comparison.comparer import Comparer
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import StepDone
from napari_em_autoclass.core.run_settings import recipe_names

TWO = ("--recipes", "filters,neighbour-forecast", "--steps", "3")


def test_all_recipes_or_some_by_name() -> None:
    assert chosen_recipes("all") == recipe_names()
    assert chosen_recipes(" filters, neighbour-forecast,filters ") == ("filters", "neighbour-forecast")
    for wrong in ("", ",", "filters,nonsense"):
        with pytest.raises(InputError, match="recipe"):
            chosen_recipes(wrong)


def test_every_recipe_gets_the_same_wishes() -> None:
    settings = recipes_with(recipe_names(), Wishes(None, 7, None, 33.0, 2))
    assert list(settings) == list(recipe_names())
    assert {name: each.recipe for name, each in settings.items()} == {name: name for name in recipe_names()}
    assert {(each.n_classes, each.training.seconds, each.seed) for each in settings.values()} == {(7, 33.0, 2)}


def test_a_recipe_of_ones_own_goes_by_its_files_name(tmp_path: Path) -> None:
    for name in ("mine", "filters"):
        (tmp_path / f"{name}.json").write_text('{"about": "Mine.", "terms": []}')
    wishes = Wishes(None, 7, None, 33.0, 2)
    assert list(recipes_with(chosen_recipes(f"filters,{tmp_path / 'mine.json'}"), wishes)) == ["filters", "mine"]
    with pytest.raises(InputError, match="called alike"):
        recipes_with(("filters", str(tmp_path / "filters.json")), wishes)


def test_compare_leaves_runs_tables_and_a_picture_and_goes_on(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    call = ("compare", stack, "--labels", labels_beside(stack), "--out", tmp_path / "out", *tiny)
    ended = em_autoclass(*call, "--recipes", "filters", "--steps", 3)
    assert (ended.code, ended.err) == (0, "")
    assert "filters: finished, merged mIoU ." in ended.out
    ended = em_autoclass(*call, *TWO)
    assert ended.code == 0
    assert "1 of 1  neighbour-forecast" in ended.out  # filters was there
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"compare.csv", "compare.json", "compare.jsonl", "compare.md", "compare.png", "runs"}
    table = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert {row["recipe"] for row in table["rows"]} == {"filters", "neighbour-forecast"}
    assert all(0 < row["merged_miou"] < 1 for row in table["rows"])
    assert table["comparison"]["steps"] == 3


def test_json_is_one_line_a_recipe(em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]) -> None:
    ended = em_autoclass("compare", stack, "--out", tmp_path / "out", *TWO, *tiny, "--json")
    assert (ended.code, ended.err) == (0, "")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert [row["recipe"] for row in rows] == ["filters", "neighbour-forecast"]
    assert all("merged_miou" not in row and row["csev"] > 0 for row in rows)


def test_a_region_is_cut_from_stack_and_labels_alike(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    ended = em_autoclass(
        *("compare", stack, "--labels", labels_beside(stack), "--out", tmp_path / "out"),
        *("--recipes", "filters", "--steps", 1, "--roi", "0:4,0:128,16:128", *tiny),
    )
    assert ended.code == 0, ended.err
    assert json.loads((tmp_path / "out" / "compare.json").read_text())["comparison"]["shape_zyx"] == [4, 128, 112]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--recipes", "nonsense"), "unknown recipe 'nonsense'; choose one of"),
        (("--labels", "LABELS"), "differ in shape"),
        (("--set", "n_clases=3"), "unknown setting"),
        (("--seconds", "3", "--steps", "3"), "not both"),
        (("--out", "TAKEN"), "holds no comparison"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    arguments: tuple[str, ...], says: str, em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").touch()
    np.save(tmp_path / "labels.npy", np.ones((3, 8, 8), np.uint8))
    places = {"LABELS": tmp_path / "labels.npy", "TAKEN": tmp_path / "taken"}
    given = [places.get(word, word) for word in arguments]
    ended = em_autoclass("compare", stack, "--out", tmp_path / "out", *tiny, *given)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert says in ended.err
    assert not (tmp_path / "out").exists()


def test_the_folder_of_another_comparison_is_refused(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...]
) -> None:
    call = ("compare", stack, "--out", tmp_path / "out", "--recipes", "filters", *tiny)
    assert em_autoclass(*call, "--steps", 1).code == 0
    ended = em_autoclass(*call, "--steps", 2)
    assert ended.code == 2
    assert "holds another comparison (steps was 1, is 2)" in ended.err


def test_ctrl_c_keeps_what_is_there_and_says_how_to_go_on(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Comparer.events

    def interrupted(self: Comparer) -> Any:
        for event in events(self):
            if isinstance(event, StepDone):
                self.stop()  # what the first Ctrl-C calls
            yield event

    monkeypatch.setattr(Comparer, "events", interrupted)
    call = ("compare", stack, "--out", tmp_path / "out", *TWO, *tiny)
    ended = em_autoclass(*call)
    assert ended.code == 130
    assert "1 of 2 recipes are in" in ended.err
    monkeypatch.undo()
    assert em_autoclass(*call).code == 0


def test_when_nothing_finished_the_exit_code_says_so(
    em_autoclass: Any, stack: Path, tmp_path: Path, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_em_autoclass.io.comparison_folder import ComparisonFolder

    def broken(*_: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(ComparisonFolder, "open_run", broken)
    ended = em_autoclass("compare", stack, "--out", tmp_path / "out", *TWO, *tiny)
    assert ended.code == 1
    assert "failed" in ended.out
    assert "shapes do not match" in (tmp_path / "out" / "runs" / "filters" / "crash.log").read_text()
