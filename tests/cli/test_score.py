from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_em_autoclass.cli.organelle import label_names, names_file
from napari_em_autoclass.cli.phantom import labels_beside
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.phantom import Phantom


@pytest.fixture
def classes(tmp_path: Path, small_phantom: Phantom) -> Path:
    """Give a class map that knows dark from bright and a little of the truth."""
    path = tmp_path / "classes.ome.zarr"
    group = zarr.create_group(path)
    array = group.create_array("0", shape=small_phantom.raw.shape, dtype="uint8")
    array[:] = small_phantom.raw // 32 + np.where(small_phantom.labels == 3, 8, 0).astype(np.uint8)
    return path


def test_figures_are_those_of_the_reference_scorer(
    em_autoclass: Any, classes: Path, stack: Path, reference_data: Path
) -> None:
    scorer = reference_data.parent / "tools" / "score_classes.py"
    if not scorer.is_file():
        pytest.skip(f"no reference scorer at {scorer}")
    labels = labels_beside(stack)
    theirs = subprocess.run(
        [sys.executable, str(scorer), str(classes), str(labels), "--json"], capture_output=True, text=True, check=True
    )
    ours = em_autoclass("score", classes, labels, "--json")
    # A structure that the second half lacks has no IoU: NaN there, which is no JSON, and null here.
    assert json.loads(ours.out) == json.loads(theirs.stdout.replace("NaN", "null"))


def test_structures_are_called_by_their_names(em_autoclass: Any, classes: Path, stack: Path) -> None:
    figures = json.loads(em_autoclass("score", classes, labels_beside(stack), "--json").out)
    assert {"membrane", "cytoplasm", "mitochondria"} <= {*figures["iou"], *figures["rare_iou"]}
    text = em_autoclass("score", classes, labels_beside(stack)).out
    assert f"merged_miou           {figures['merged_miou']:g}" in text.splitlines()
    assert f"  membrane            {figures['iou']['membrane']:g}" in text.splitlines()


def test_without_labels_the_figures_need_no_truth(em_autoclass: Any, classes: Path, stack: Path) -> None:
    figures = json.loads(em_autoclass("score", classes, "--json").out)
    assert figures["effective_classes"] > 2
    assert "csev" not in figures
    with_stack = json.loads(em_autoclass("score", classes, "--volume", stack, "--json").out)
    assert 0 < with_stack["csev"] < 1
    assert {name: with_stack[name] for name in figures} == figures


def test_groups_are_found_without_labels_and_scored_with_them(em_autoclass: Any, classes: Path, stack: Path) -> None:
    told = em_autoclass("score", classes, labels_beside(stack), "--volume", stack, "--groups", 5, "--json")
    figures = json.loads(told.out)
    assert 0 < figures["merged_miou_at_5_groups"] <= figures["merged_miou"] + 0.1
    text = em_autoclass("score", classes, labels_beside(stack), "--volume", stack, "--groups", 5).out
    assert f"merged_miou_at_5_groups  {figures['merged_miou_at_5_groups']:g}" in text.splitlines()
    many = em_autoclass("score", classes, labels_beside(stack), "--volume", stack, "--groups", 99, "--json")
    assert json.loads(many.out)["merged_miou_at_99_groups"] == figures["merged_miou"]


@pytest.mark.parametrize("without", ["labels", "volume"])
def test_groups_need_labels_and_volume(em_autoclass: Any, classes: Path, stack: Path, without: str) -> None:
    given = [labels_beside(stack)] if without == "volume" else ["--volume", stack]
    ended = em_autoclass("score", classes, *given, "--groups", 5)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "--groups needs" in ended.err


def test_a_stack_without_voxel_size_can_judge(
    em_autoclass: Any, classes: Path, small_phantom: Phantom, tmp_path: Path
) -> None:
    np.save(tmp_path / "stack.npy", small_phantom.raw)
    assert em_autoclass("score", classes, "--volume", tmp_path / "stack.npy").code == 0


def test_labels_of_another_shape_are_refused(em_autoclass: Any, classes: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", np.ones((3, 8, 8), np.uint8))
    ended = em_autoclass("score", classes, tmp_path / "labels.npy")
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert "differ in shape" in ended.err


def test_names_lie_beside_the_labels(tmp_path: Path) -> None:
    assert names_file(tmp_path / "stack_labels.ome.tif") == tmp_path / "stack.json"
    assert names_file(tmp_path / "stack_labels.npz") == tmp_path / "stack.json"
    assert label_names(tmp_path / "stack_labels.ome.tif") == {}
    (tmp_path / "stack.json").write_text('{"classes": {"1": "membrane"}}')
    assert label_names(tmp_path / "stack_labels.ome.tif") == {1: "membrane"}


@pytest.mark.parametrize("content", ["{", '{"classes": ["membrane"]}', '{"classes": {"one": "membrane"}}'])
def test_damaged_names_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(content)
    with pytest.raises(InputError, match=r"stack\.json: can't be read"):
        label_names(tmp_path / "stack_labels.ome.tif")
