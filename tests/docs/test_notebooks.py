"""The notebooks of `examples/` run, one after the other in one folder, and hold no results."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doc_blocks import REPOSITORY
from doc_room import STEPS, Room, shortened
from PIL import Image

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.io import read_class_map

pytestmark = [
    pytest.mark.xdist_group("docs"),
    pytest.mark.filterwarnings("ignore:Number of distinct clusters"),  # of a stack so small
]

FOLDER = REPOSITORY / "examples"
ORDER = ("learn_classes", "merge_and_export")


def cells(name: str) -> list[dict[str, Any]]:
    stored = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert (stored["nbformat"], stored["metadata"]["kernelspec"]["name"]) == (4, "python3")
    return stored["cells"]


def run(name: str) -> tuple[dict[str, Any], list[object]]:
    """Run the cells as Jupyter does; return the names they leave, and the value of each cell that ends with one."""
    space: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for number, cell in enumerate(cell for cell in cells(name) if cell["cell_type"] == "code"):
        body = ast.parse(shortened("".join(cell["source"])), f"{name}[{number}]").body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), f"{name}[{number}]", "exec"), space)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), f"{name}[{number}]", "eval"), space))
    return space, shown


def test_all_notebooks_are_run_here() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_a_notebook_holds_no_results(name: str) -> None:
    ids = [cell["id"] for cell in cells(name)]
    assert len(set(ids)) == len(ids)
    for cell in cells(name):
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_the_notebooks_learn_merge_and_export(
    open_room: Callable[[bool], Room], capsys: pytest.CaptureFixture[str]
) -> None:
    folder: Path = open_room(True).folder
    learned, pictures = run("learn_classes")
    assert [event.step for event in learned["steps"]] == list(range(1, STEPS + 1))
    assert learned["sketch"].max() > 1
    assert "ended: finished" in capsys.readouterr().out
    assert all(isinstance(picture, Image.Image) for picture in (pictures[0], pictures[-1]))

    merged, _ = run("merge_and_export")
    written, info = read_class_map(folder / "merged.ome.tif")
    assert info.voxel_size_nm == learned["volume"].voxel_size_nm
    groups = RunFolder.open(folder / "run").history.present.rows()
    assert len(groups) == 5
    assert "first group" in info.names.values()
    lookup = merged["class_map"].lookup()
    np.testing.assert_array_equal(written[:], lookup[np.asarray(read_class_map(folder / "classes.ome.zarr")[0])])
