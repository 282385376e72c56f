"""Layers of every kind, and whatever the user does to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.events import SnapshotTaken, ViewRequest
from napari_em_autoclass.gui.layers import ClassLayers
from napari_em_autoclass.gui.source import volume_of

SHAPE = (5, 32, 48)


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def source(viewer: ViewerModel) -> Image:
    return viewer.add_image(np.zeros(SHAPE, np.uint8), name="tiny", scale=(50, 4, 3), units=("nm",) * 3)


@pytest.fixture
def layers(qtbot: Any, viewer: ViewerModel, source: Image) -> Any:
    made = ClassLayers(viewer)
    made.show(source, ClassMap.fresh(4))
    yield made
    made.close()


@pytest.mark.parametrize("change", ["hidden", "renamed", "reordered", "stack deleted", "unlinked probability"])
def test_what_the_user_does_to_layers_stays_and_snapshots_go_on(
    layers: ClassLayers, viewer: ViewerModel, source: Image, fake_run: Any, change: str
) -> None:
    layers.show_probability(2, True)
    ours = layers.class_layer
    if change == "hidden":
        ours.visible = source.visible = False
    elif change == "renamed":
        ours.name, source.name = "mine", "other"
    elif change == "reordered":
        viewer.layers.move(viewer.layers.index(ours), 0)
    elif change == "stack deleted":
        viewer.layers.remove(source)
    else:
        viewer.layers.remove("p(class 2) · tiny")
    before = [(layer.name, layer.visible) for layer in viewer.layers if not layer.name.startswith("p(")]
    for z in range(3):
        layers.put(fake_run().snapshot(ViewRequest(z, 0, 32, 0, 48, prob_classes=(2,))))
    layers._refresh_now()
    layers.recolour(ClassMap.fresh(4).rename(2, "axon"))
    assert [(layer.name, layer.visible) for layer in viewer.layers if not layer.name.startswith("p(")] == before
    assert np.asarray(ours.data[2]).min() == 3
    layers.show_probability(2, False)
    layers.remove()
    assert [layer for layer in viewer.layers if layer is not source] == []


def test_a_large_map_is_not_drawn_in_3d_and_comes_back_in_2d(qtbot: Any, viewer: ViewerModel) -> None:
    said: list[str] = []
    big = dask.array.zeros((1000, 2048, 2048), chunks=(1, 2048, 2048), dtype=np.uint8)
    source = viewer.add_image(big, contrast_limits=(0, 255), visible=False, name="big")
    layers = ClassLayers(viewer, said.append)
    layers.show(source, ClassMap.fresh(4))
    layers.show_probability(1, True)
    layers.put(SnapshotTaken("r", 1, "done", ViewRequest(0, 0, 9, 0, 9), *[np.ones((9, 9), np.uint8)] * 2))
    ours, held = layers.class_layer, [layers.class_layer, viewer.layers["p(class 1) · big"]]
    held[1].visible = False
    viewer.dims.ndisplay = 3
    assert not any(layer.visible for layer in held)
    assert "3D" in said[-1]
    assert ours._slice.image.raw.size == held[1]._slice.image.raw.size == 1
    ours.visible = True  # the user insists
    assert not ours.visible
    assert ours._slice.image.raw.size == 1
    assert layers.at((0, 5, 5)) is None
    layers._refresh_now()
    viewer.dims.ndisplay = 2
    assert [layer.visible for layer in held] == [True, False]
    assert said[-1] == ""
    assert ours._slice.image.raw.shape == (2048, 2048)
    layers.close()


def test_in_a_time_series_the_map_lies_at_its_time_alone(qtbot: Any, viewer: ViewerModel, fake_run: Any) -> None:
    source = viewer.add_image(np.zeros((3, *SHAPE), np.uint8), scale=(1, 50, 4, 4), name="film")
    layers = ClassLayers(viewer)
    layers.show(source, ClassMap.fresh(4), (1,))
    layers.show_probability(2, True)
    layers.put(fake_run().snapshot(ViewRequest(2, 0, 32, 0, 48, prob_classes=(2,))))
    assert layers.class_layer.data.shape == (3, *SHAPE)
    for time, value in ((0, 0), (1, 3), (2, 0)):
        viewer.dims.set_point([0, 1], [time, 100])
        assert (layers.class_layer._slice.image.raw == value).all()
        found = layers.at((time, 100, 4, 4))
        assert found == (((2, 1, 1), 3, 200 / 255) if value else None)
    assert viewer.layers["p(class 2) · film"].data.shape == (3, *SHAPE)
    layers.close()


@pytest.mark.parametrize("kind", ["memmap", "h5py", "zarr", "dask", "float32", "uint16", "multiscale"])
def test_stacks_of_every_kind_get_a_map_and_are_not_read_for_it(
    qtbot: Any, viewer: ViewerModel, tmp_path: Path, fake_run: Any, kind: str
) -> None:
    data = np.random.default_rng(0).integers(0, 4000, SHAPE, dtype=np.uint16)
    stacks: dict[str, Any] = {"uint16": lambda: data, "float32": lambda: data.astype(np.float32) / 3}
    stacks |= {"memmap": lambda: _memmap(data, tmp_path), "h5py": lambda: _hdf5(data, tmp_path)}
    stacks |= {"zarr": lambda: _zarr(data, tmp_path), "dask": lambda: dask.array.from_array(data, chunks=(1, 16, 16))}
    stacks["multiscale"] = lambda: [dask.array.from_array(data), dask.array.from_array(data[:, ::2, ::2])]
    stack, options = stacks[kind](), {"contrast_limits": (0, 4000), "scale": (50, 4, 4), "units": ("nm",) * 3}
    source = viewer.add_image(stack, multiscale=kind == "multiscale", name=kind, **options)
    volume = volume_of(source)
    np.testing.assert_array_equal(volume.section(2), np.asarray(data[2], np.float32) / (3 if kind == "float32" else 1))
    layers = ClassLayers(viewer)
    layers.show(source, ClassMap.fresh(254))
    layers.put(fake_run().snapshot(ViewRequest(2, 0, 32, 0, 48)))
    viewer.dims.set_point(0, 100)
    assert (layers.class_layer._slice.image.raw == 3).all()
    np.testing.assert_allclose(layers.class_layer.extent.world, source.extent.world)
    layers.close()


def _memmap(data: np.ndarray, folder: Path) -> np.memmap:
    data.tofile(folder / "raw")
    return np.memmap(folder / "raw", data.dtype, "r", shape=data.shape)


def _hdf5(data: np.ndarray, folder: Path) -> Any:
    import h5py

    return h5py.File(folder / "stack.h5", "w").create_dataset("raw", data=data, chunks=(1, 16, 16))


def _zarr(data: np.ndarray, folder: Path) -> Any:
    import zarr

    made = zarr.create_array(str(folder / "stack.zarr"), shape=data.shape, dtype=data.dtype, chunks=(1, 16, 16))
    made[:] = data
    return made


@pytest.mark.parametrize(
    "placed",
    [
        {"units": ("um",) * 3, "scale": (0.05, 0.004, 0.004)},
        {"units": ("um", "nm", "nm"), "scale": (0.05, 4, 4)},
        {"units": ("nm",) * 3, "scale": (50, 4, 4), "translate": (500, -30, 7)},
        {"units": ("nm",) * 3, "scale": (50, 4, 4), "rotate": 30},
        {"scale": (1, 1, 1)},
    ],
    ids=["um", "mixed", "moved", "rotated", "pixels"],
)
def test_the_voxel_under_the_pointer_is_found_whatever_the_transform(
    qtbot: Any, viewer: ViewerModel, fake_run: Any, placed: dict[str, Any]
) -> None:
    source = viewer.add_image(np.zeros(SHAPE, np.uint8), **placed)
    layers = ClassLayers(viewer)
    layers.show(source, ClassMap.fresh(4))
    layers.put(fake_run().snapshot(ViewRequest(2, 0, 32, 0, 48)))
    shown = getattr(viewer.dims, "units", None) or source.units
    factors = [float((1 * own).to(theirs).magnitude) for own, theirs in zip(source.units, shown, strict=True)]
    world = np.asarray(source.data_to_world((2, 17, 30))) * factors
    assert layers.at(world)[:2] == ((2, 17, 30), 3)
    layers.close()
