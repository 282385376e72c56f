"""Our layers lie on the user's, follow the decisions, and touch nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.events import UNCLEAR, CutRequest, CutTaken, SnapshotTaken, ViewRequest
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.gui.layers import ClassLayers, add_stack, add_volume, label_colors
from napari_em_autoclass.gui.source import volume_of

SHAPE = (5, 32, 48)
VIEW = ViewRequest(2, 0, 32, 0, 48, prob_classes=(1, 3))


@pytest.fixture
def viewer() -> ViewerModel:
    """Give a viewer without a window: layers need none."""
    return ViewerModel()


@pytest.fixture
def source(viewer: ViewerModel) -> Image:
    data = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8)
    return viewer.add_image(
        data, name="tiny", scale=(50, 4, 3), translate=(10, 20, 30), shear=[0, 0, 0.2], units=("nm",) * 3
    )


@pytest.fixture
def layers(qtbot: Any, viewer: ViewerModel, source: Image) -> Any:
    made = ClassLayers(viewer)
    made.show(source, ClassMap.fresh(4))
    yield made
    made.close()


def color_at(layers: ClassLayers, class_id: int) -> np.ndarray:
    return np.asarray(layers.class_layer.get_color(class_id))


def test_the_class_layer_lies_exactly_on_the_stack(layers: ClassLayers, source: Image) -> None:
    ours = layers.class_layer
    assert ours.name == "classes · tiny"
    assert ours.data.dtype == np.uint8
    for place in ("scale", "translate", "rotate", "shear"):
        np.testing.assert_array_equal(getattr(ours, place), getattr(source, place), err_msg=place)
    assert tuple(ours.units) == tuple(source.units)
    point = (3, 7, 11)
    np.testing.assert_allclose(ours.data_to_world(point), source.data_to_world(point))


def eye(viewer: ViewerModel) -> tuple[Any, ...]:
    return viewer.scene.camera.center, viewer.scene.camera.zoom


def test_nothing_of_the_user_changes(viewer: ViewerModel, source: Image) -> None:
    other = viewer.add_points([[1, 2, 3]])
    viewer.dims.set_point(0, 60)
    viewer.scene.camera.zoom = 3.3
    viewer.layers.selection = {source}
    before = (viewer.dims.point, viewer.dims.order, viewer.dims.ndisplay, *eye(viewer))
    layers = ClassLayers(viewer)
    layers.show(source, ClassMap.fresh(4))
    layers.show_probability(1, True)
    after = (viewer.dims.point, viewer.dims.order, viewer.dims.ndisplay, *eye(viewer))
    assert before == after
    assert viewer.layers.selection.active is source
    assert list(viewer.layers)[:2] == [source, other]
    layers.close()


def test_a_snapshot_shows_at_its_place(layers: ClassLayers, fake_run: Any) -> None:
    layers.put(fake_run().snapshot(ViewRequest(2, 4, 10, 5, 9)))
    section = np.asarray(layers.class_layer.data[2])
    assert (section[4:10, 5:9] == 3).all()
    assert section.sum() == 3 * 6 * 4


def test_the_section_in_view_is_drawn_anew(qtbot: Any, layers: ClassLayers, viewer: ViewerModel, fake_run: Any) -> None:
    viewer.dims.set_point(0, 10 + 2 * 50)
    with qtbot.waitSignal(_signal_of(layers.class_layer.events.set_data, qtbot), timeout=2000):
        layers.put(fake_run().snapshot(VIEW))


def _signal_of(emitter: Any, qtbot: Any) -> Any:
    """Give a Qt signal that follows a napari event."""
    from qtpy.QtCore import QObject, Signal

    class Relay(QObject):
        happened = Signal()

    relay = Relay()
    emitter.connect(lambda event: relay.happened.emit())
    qtbot.relay = relay  # keep it
    return relay.happened


def test_colours_follow_merges_and_eyes_but_the_classes_stay(layers: ClassLayers, fake_run: Any) -> None:
    layers.put(fake_run().snapshot(VIEW))
    before = np.asarray(layers.class_layer.data).copy()
    layers.recolour(ClassMap.fresh(4).merge([1, 3]).with_visible([4], False).recolour(2, "#102030"))
    np.testing.assert_array_equal(np.asarray(layers.class_layer.data), before)
    np.testing.assert_array_equal(color_at(layers, 1), color_at(layers, 3))
    np.testing.assert_allclose(color_at(layers, 2)[:3] * 255, (16, 32, 48), atol=0.5)
    assert color_at(layers, 4)[3] == 0


def test_probabilities_are_uint8_layers_in_the_class_colour(
    layers: ClassLayers, viewer: ViewerModel, fake_run: Any
) -> None:
    layers.show_probability(3, True)
    layer = viewer.layers["p(class 3) · tiny"]
    assert (layer.dtype, tuple(layer.contrast_limits), layer.blending) == (np.uint8, (0, 255), "additive")
    layers.put(fake_run().snapshot(VIEW))
    assert (np.asarray(layer.data[2]) == 103).all()
    layers.show_probability(3, False)
    assert layer not in viewer.layers
    assert layers.probability_ids == ()


def test_the_probability_of_a_group_is_the_sum_of_its_members(
    layers: ClassLayers, viewer: ViewerModel, fake_run: Any
) -> None:
    layers.recolour(ClassMap.fresh(4).merge([1, 3], name="mitochondria"))
    layers.show_probability(1, True)
    layers.put(fake_run().snapshot(VIEW))
    assert (np.asarray(viewer.layers["p(mitochondria) · tiny"].data[2]) == 101 + 103).all()


def test_unclear_pixels_are_a_layer_that_stays_whatever_is_merged(layers: ClassLayers) -> None:
    layers.show_probability(UNCLEAR, True)
    layers.recolour(ClassMap.fresh(4).merge([1, 2, 3]))
    assert layers.probability_ids == (UNCLEAR,)
    layer = next(made for made in layers._viewer.layers if made.name.startswith("unclear pixels"))
    view = ViewRequest(1, 0, 4, 0, 5, (UNCLEAR,))
    flat = np.full((4, 5), 1, np.uint8)
    layers.put(SnapshotTaken("run", 3, "learning", view, flat, flat, ((UNCLEAR, np.full((4, 5), 77, np.uint8)),)))
    np.testing.assert_array_equal(layer.data[1][:4, :5], 77)
    layers.show_probability(UNCLEAR, False)
    assert layer not in layers._viewer.layers


def test_a_probability_layer_goes_when_its_class_is_merged_away(layers: ClassLayers) -> None:
    layers.show_probability(3, True)
    layers.show_probability(2, True)
    layers.recolour(ClassMap.fresh(4).merge([1, 3]))
    assert layers.probability_ids == (2,)


def test_a_deleted_layer_stays_away_until_the_next_run(
    layers: ClassLayers, viewer: ViewerModel, source: Image, fake_run: Any
) -> None:
    viewer.layers.remove(layers.class_layer)
    layers.put(fake_run().snapshot(VIEW))
    layers.recolour(ClassMap.fresh(4))
    assert layers.class_layer is None
    layers.show(source, ClassMap.fresh(4))
    assert layers.class_layer in viewer.layers


def test_the_class_layer_cannot_be_painted(layers: ClassLayers) -> None:
    assert not layers.class_layer.editable


def test_a_multiscale_stack_gets_a_map_of_its_finest_level(qtbot: Any, viewer: ViewerModel) -> None:
    levels = [dask.array.zeros((4, 64, 64), dtype=np.uint8), dask.array.zeros((4, 32, 32), dtype=np.uint8)]
    source = viewer.add_image(levels, multiscale=True, scale=(8, 8, 8), units=("nm",) * 3, contrast_limits=(0, 255))
    layers = ClassLayers(viewer)
    layers.show(source, ClassMap.fresh(4))
    assert layers.class_layer.data.shape == (4, 64, 64)
    layers.close()


def test_all_colours_are_set_for_254_classes() -> None:
    table = label_colors(ClassMap.fresh(254)).color_dict
    assert len([i for i in table if i is not None]) == 255


def test_a_file_opens_as_a_layer_in_nm(viewer: ViewerModel, tmp_path: Path) -> None:
    import tifffile

    path = tmp_path / "stack.ome.tif"
    metadata = {"axes": "ZYX", "PhysicalSizeX": 4, "PhysicalSizeY": 4, "PhysicalSizeZ": 50}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    tifffile.imwrite(path, np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 8, 8), metadata={**metadata, **units})
    layer = add_stack(viewer, str(path))
    assert tuple(layer.scale) == (50, 4, 4)
    assert volume_of(layer).source == str(path)
    assert [str(unit) for unit in layer.units] == ["nanometer"] * 3


def test_a_file_without_voxel_size_opens_in_pixels(viewer: ViewerModel, tmp_path: Path) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, np.zeros((3, 8, 8), np.uint8))
    layer = add_stack(viewer, str(path))
    assert [str(unit) for unit in layer.units] == ["pixel"] * 3


def test_a_constant_section_has_valid_limits(viewer: ViewerModel) -> None:
    layer = add_volume(viewer, Volume(np.zeros((3, 8, 8), np.uint8), (1.0, 1.0, 1.0), "flat"))
    assert layer.contrast_limits[1] > layer.contrast_limits[0]


def test_a_preview_changes_colours_alone(layers: ClassLayers, viewer: ViewerModel) -> None:
    layers.show_probability(2, True)
    layers.preview(ClassMap.fresh(4).merge([1, 2]))
    np.testing.assert_array_equal(color_at(layers, 1), color_at(layers, 2))
    assert layers.probability_ids == (2,)
    layers.recolour(ClassMap.fresh(4))
    assert (color_at(layers, 1) != color_at(layers, 2)).any()
    layers.remove()
    layers.preview(ClassMap.fresh(4))  # no layer to colour, and no error


def cut_of(z_values: dict[int, int], row: int = 6, **options: Any) -> CutTaken:
    strips = np.array(list(z_values.values()), np.uint8)[:, None, None] * np.ones((1, 8, 48), np.uint8)
    view = CutRequest(0, 5, row, row + 1, 0, 48, **options)
    return CutTaken("r", 3, "learning", view, tuple(z_values), (0, 0), strips, strips + 100, ((2, strips + 40),))


def test_a_cut_shows_in_xz_and_what_is_missing_looks_like_its_nearest(qtbot: Any, viewer: ViewerModel) -> None:
    source = viewer.add_image(np.zeros(SHAPE, np.uint8), scale=(50, 4, 4), name="tiny")
    layers = ClassLayers(viewer)
    layers.show(source, ClassMap.fresh(4))
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 6 * 4)
    layers.show_probability(2, True)
    layers.put(cut_of({0: 1, 4: 3}))
    layers._refresh_now()
    shown = layers.class_layer._slice.image.raw  # what napari draws
    assert shown[:, 7].tolist() == [1, 1, 3, 3, 3]
    assert viewer.layers["p(class 2) · tiny"]._slice.image.raw[:, 7].tolist() == [41, 41, 43, 43, 43]
    assert not np.asarray(layers.class_layer.data[0]).any()
    layers.put(cut_of({2: 2}))
    layers._refresh_now()
    assert layers.class_layer._slice.image.raw[:, 7].tolist() == [1, 2, 2, 3, 3]
    layers.close()


def test_only_what_was_answered_is_read_under_the_pointer(layers: ClassLayers, source: Image) -> None:
    layers.put(cut_of({0: 1, 4: 3}))
    place, class_id, sure = layers.at(source.data_to_world((4, 6, 9)))
    assert (place, class_id, round(255 * sure)) == ((4, 6, 9), 3, 103)
    assert layers.at(source.data_to_world((3, 6, 9))) is None


def test_a_deleted_class_map_can_be_brought_back_with_all_that_is_known(
    qtbot: Any, viewer: ViewerModel, source: Image, fake_run: Any
) -> None:
    said: list[str] = []
    layers = ClassLayers(viewer, said.append)
    layers.show(source, ClassMap.fresh(4))
    layers.describe({"index": [1, 2], "name": ["a", "b"]})
    layers.put(fake_run().snapshot(VIEW))
    viewer.layers.remove(layers.class_layer)
    assert "Show it again" in said[-1]
    layers.put(fake_run().snapshot(ViewRequest(3, 0, 32, 0, 48)))  # learning goes on meanwhile
    layers.recolour(ClassMap.fresh(4).with_visible([3], False))
    layers.bring_back()
    assert said[-1] == ""
    assert (np.asarray(layers.class_layer.data[2:4]) == np.array([3, 4])[:, None, None]).all()
    assert color_at(layers, 3)[3] == 0
    assert list(layers.class_layer.features["name"]) == ["a", "b"]
    layers.bring_back()
    assert len([layer for layer in viewer.layers if layer.name.startswith("classes")]) == 1
    viewer.layers.clear()  # the stack last: no map could be shown again without it
    assert said[-1] == ""
    layers.close()


def test_taking_our_layers_away_is_no_deletion_by_the_user(viewer: ViewerModel, source: Image) -> None:
    said: list[str] = []
    layers = ClassLayers(viewer, said.append)
    for _ in range(2):
        layers.show(source, ClassMap.fresh(4))
    layers.remove()
    assert not any(said)
    layers.bring_back()
    assert layers.class_layer is None
    layers.close()


def test_a_small_map_is_drawn_solid_in_3d(layers: ClassLayers, viewer: ViewerModel, fake_run: Any) -> None:
    layers.put(fake_run().snapshot(VIEW))
    viewer.dims.ndisplay = 3
    assert layers.class_layer.visible
    assert [layer.opacity for layer in viewer.layers] == [1.0, 1.0]  # the stack is as it was
    assert layers.class_layer._slice.image.raw.shape == SHAPE
