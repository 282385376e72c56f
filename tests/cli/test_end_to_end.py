"""The main job on a real stack, through the command line alone: train, predict, score, merge, predict again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_em_autoclass.io.class_map_file import read_class_map


# One class everywhere scores 0.378. A dozen steps are too few to learn from: there only the way itself is tested.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "least_miou"), [(["--recipe", "filters"], 0.5), (["--steps", "12"], 0.2)], ids=["filters", "default"]
)
def test_a_real_stack_from_file_to_scores(
    options: list[str], least_miou: float, em_autoclass: Any, reference_data: Path, tmp_path: Path
) -> None:
    stack = reference_data / "flyem_medulla_ship_sample.ome.tif"
    labels = reference_data / "flyem_medulla_ship_sample_labels.ome.tif"
    run, classes = tmp_path / "run", tmp_path / "classes.ome.zarr"
    assert em_autoclass("train", stack, "--out", run, *options, "--classes", 12, "--device", "cpu").code == 0
    assert em_autoclass("predict", run, stack, "--out", classes).code == 0

    ids = np.asarray(zarr.open_group(classes, mode="r")["0"])
    assert ids.dtype == np.uint8
    assert ids.shape == tifffile.imread(stack).shape
    assert (ids.min(), ids.max()) >= (1, 2)
    assert ids.max() <= 12
    assert read_class_map(classes)[1].voxel_size_nm == (10.0, 10.0, 10.0)

    scored = json.loads(em_autoclass("score", classes, labels, "--json").out)
    assert scored["merged_miou"] > least_miou, scored
    assert scored["v_measure"] > 0.05, scored
    assert scored["classes_used"] >= 6

    assert em_autoclass("classes", run, "--merge", "1,2,3", "--name", "dark").code == 0
    merged = tmp_path / "merged.ome.tif"
    assert em_autoclass("predict", run, stack, "--out", merged, "--merged").code == 0
    np.testing.assert_array_equal(tifffile.imread(merged), np.where((ids == 2) | (ids == 3), 1, ids))
