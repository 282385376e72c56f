"""The examples run as they stand."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_em_autoclass.io import open_volume, read_class_map

EXAMPLES = Path(__file__).parents[1] / "examples"
PHANTOM_SHAPE = (3, 256, 256)
pytestmark = pytest.mark.xdist_group("gui")  # one process, so that `result` is made once


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the headless example once, on a small stack and for a few steps; the folder it ran in."""
    import tifffile

    from napari_em_autoclass.core.phantom import make_phantom

    folder = tmp_path_factory.mktemp("example")
    phantom = make_phantom(PHANTOM_SHAPE, "sstem")
    metadata = {"axes": "ZYX"} | {
        f"PhysicalSize{axis}{suffix}": value
        for axis, size in zip("ZYX", phantom.voxel_size_nm, strict=True)
        for suffix, value in (("", size), ("Unit", "nm"))
    }
    tifffile.imwrite(folder / "stack.ome.tif", phantom.raw, metadata=metadata)
    command = [sys.executable, "-W", "error", str(EXAMPLES / "headless_run.py"), "stack.ome.tif", "2"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_headless_run_writes_a_class_map_on_the_grid_of_the_stack(result: Path) -> None:
    classes, info = read_class_map(result / "classes.ome.zarr")
    assert classes.shape == PHANTOM_SHAPE
    assert info.voxel_size_nm == open_volume(result / "stack.ome.tif").voxel_size_nm
    seen = np.unique(np.asarray(classes[:]))
    assert len(seen) > 3
    assert seen.min() >= 1
    assert seen.max() <= 20


def test_open_result_shows_stack_and_classes_in_the_same_place(
    result: Path, make_napari_viewer_proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer_proxy()
    monkeypatch.setattr("napari.Viewer", lambda: viewer)
    monkeypatch.setattr(sys, "argv", ["", str(result / "stack.ome.tif"), str(result / "classes.ome.zarr")])
    runpy.run_path(str(EXAMPLES / "open_result.py"))
    image, labels = viewer.layers
    np.testing.assert_allclose(labels.scale, image.scale)
    np.testing.assert_array_equal(labels.data.shape, image.data.shape)
