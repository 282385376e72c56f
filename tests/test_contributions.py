"""Reader, writer and samples, as napari calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_run import write_stack

from napari_em_autoclass import contributions
from napari_em_autoclass.core.class_map import ClassMap, History
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io import read_class_map

ATTRIBUTES = {
    "name": "classes",
    "scale": np.array([0.05, 0.004, 0.004]),
    "units": ("micrometer",) * 3,
    "colormap": {None: (0, 0, 0, 0), 0: (0, 0, 0, 0), 1: "#102030", 2: np.array([1.0, 0.0, 0.0, 1.0])},
}


@pytest.fixture
def classes(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(1, 3, (3, 16, 20), dtype=np.uint8)


@pytest.fixture
def run_dir(phantom: Any, fast_settings: Any, tmp_path: Path) -> Path:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.model import working_volume

    volume = Volume(phantom.raw, phantom.voxel_size_nm, "phantom", "stack.ome.tif")
    normalisation = working_volume(volume, fast_settings).normalisation
    folder = RunFolder.create(tmp_path / "run", fast_settings, volume, normalisation)
    folder.save_history(History.of(ClassMap.fresh(4).merge([1, 2]).with_visible([3], False)))
    return folder.path


@pytest.mark.parametrize("suffix", [".ome.zarr", ".ome.tif"])
def test_a_labels_layer_is_written_and_read_back(classes: np.ndarray, tmp_path: Path, suffix: str) -> None:
    path = str(tmp_path / f"map{suffix}")
    assert contributions.write_class_map(path, classes, ATTRIBUTES) == [path]
    data, info = read_class_map(path)
    np.testing.assert_array_equal(data[:], classes)
    assert info.voxel_size_nm == pytest.approx((50, 4, 4))
    assert info.colors == {1: "#102030", 2: "#ff0000"}


def test_our_own_map_comes_back_with_its_colours(classes: np.ndarray, tmp_path: Path) -> None:
    path = str(tmp_path / "map.ome.zarr")
    contributions.write_class_map(path, classes, ATTRIBUTES)
    reader = contributions.get_reader(path)
    assert reader is not None
    ((data, attributes, kind),) = reader(path)
    assert kind == "labels"
    np.testing.assert_array_equal(np.asarray(data[:]), classes)
    assert attributes["colormap"][1] == "#102030"
    assert attributes["units"] == ("nm",) * 3


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((2, 4, 4), np.uint8), "largest here is 0"),
        (np.full((2, 4, 4), 300), "largest here is 300"),
        (np.ones((2, 4, 4), np.float32), "float32"),
    ],
)
def test_what_is_no_class_map_is_not_written(data: np.ndarray, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        contributions.write_class_map(str(tmp_path / "no.ome.zarr"), data, {})
    assert list(tmp_path.iterdir()) == []


def test_a_layer_without_units_is_written_in_pixels(classes: np.ndarray, tmp_path: Path) -> None:
    path = str(tmp_path / "map.ome.zarr")
    contributions.write_class_map(path, classes, {"scale": (2, 2, 2), "units": ("pixel",) * 3})
    assert read_class_map(path)[1].voxel_size_nm == pytest.approx((1, 1, 1))


def test_a_run_opens_as_its_stack_and_its_last_picture_with_its_decisions(run_dir: Path, phantom: Any) -> None:
    from napari_em_autoclass.core.checkpoint import RunFolder
    from napari_em_autoclass.core.events import ViewRequest

    picture = np.full((64, 64), 2, np.uint8)
    RunFolder.open(run_dir).save_snapshot(ViewRequest(3, 8, 72, 16, 80), picture)
    write_stack(phantom, run_dir.parent / "stack.ome.tif")
    reader = contributions.get_reader(str(run_dir))
    assert reader is not None
    (stack, image, image_kind), (data, attributes, kind) = reader(str(run_dir))
    assert (image_kind, kind) == ("image", "labels")
    np.testing.assert_array_equal(stack[1], phantom.raw[1])
    assert image["scale"] == phantom.voxel_size_nm
    assert image["metadata"]["napari-em-autoclass source"] == str(run_dir.parent / "stack.ome.tif")
    np.testing.assert_array_equal(data[0], picture)
    assert attributes["translate"] == tuple(n * nm for n, nm in zip((3, 8, 16), phantom.voxel_size_nm, strict=True))
    assert attributes["metadata"]["napari-em-autoclass"]["run_dir"] == str(run_dir)
    colors = attributes["colormap"]
    assert colors[1] == colors[2]
    assert colors[3][3] == 0


def test_a_run_whose_stack_is_gone_says_so_and_shows_its_map(run_dir: Path) -> None:
    (run_dir / "weights.safetensors").touch()
    reader = contributions.get_reader(str(run_dir))
    assert reader is not None
    with pytest.warns(UserWarning, match="is not there any more; open the right one"):
        ((data, _, kind),) = reader(str(run_dir))
    assert (kind, data.shape) == ("labels", (1, 64, 64))  # cut off before its first picture
    assert not data.any()


def test_a_run_without_anything_learned_says_what_to_do(run_dir: Path) -> None:
    reader = contributions.get_reader(str(run_dir))
    assert reader is not None
    with pytest.raises(InputError, match="no class map yet"):
        reader(str(run_dir))


def test_a_damaged_picture_is_said(run_dir: Path) -> None:
    (run_dir / "snapshot" / "latest.npz").write_bytes(b"none")
    reader = contributions.get_reader(str(run_dir))
    assert reader is not None
    with pytest.raises(InputError, match="is damaged; delete it"):
        reader(str(run_dir))


def test_other_folders_and_files_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text("{}")
    assert contributions.get_reader(str(tmp_path)) is None
    assert contributions.get_reader(str(tmp_path / "a.tif")) is None
    assert contributions.get_reader([str(tmp_path)]) is None


@pytest.mark.parametrize(("sample", "size"), [(contributions.sample_sstem, 50), (contributions.sample_fibsem, 8)])
def test_samples_are_stacks_with_their_voxel_size(sample: Any, size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_em_autoclass.core import phantom

    made = phantom.make_phantom
    monkeypatch.setattr(phantom, "make_phantom", lambda mode: made((5, 64, 64), mode))
    ((data, attributes, kind),) = sample()
    assert (kind, data.dtype, data.ndim) == ("image", np.uint8, 3)
    assert attributes["scale"][0] == size
    assert attributes["units"] == ("nm",) * 3


def test_napari_takes_all_of_it(classes: np.ndarray, tmp_path: Path, run_dir: Path) -> None:
    from napari.components import ViewerModel
    from napari.layers import Layer

    viewer = ViewerModel()
    path = str(tmp_path / "map.ome.zarr")
    contributions.write_class_map(path, classes, ATTRIBUTES)
    reader = contributions.get_reader(path)
    assert reader is not None
    layer = viewer.add_layer(Layer.create(*reader(path)[0]))
    np.testing.assert_allclose(layer.get_color(2), (1, 0, 0, 1))
    again = str(tmp_path / "again.ome.tif")
    contributions.write_class_map(again, *layer.as_layer_data_tuple()[:2])
    np.testing.assert_array_equal(read_class_map(again)[0][:], classes)
