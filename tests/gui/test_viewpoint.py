"""Which section, and which part of it, is in view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_em_autoclass.core.events import CutRequest, ViewRequest
from napari_em_autoclass.gui.live_map import LiveMap
from napari_em_autoclass.gui.viewpoint import FULL_SECTION_PX, ViewFollower, go_to, show_leading, view_of


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def layer(viewer: ViewerModel) -> Image:
    return viewer.add_image(np.zeros((9, 20, 30), np.uint8), scale=(50, 4, 4), translate=(100, 0, 0), units=("nm",) * 3)


@pytest.mark.parametrize("z", [0, 4, 8])
def test_the_section_is_found_through_scale_and_translation(viewer: ViewerModel, layer: Image, z: int) -> None:
    viewer.dims.set_point(0, 100 + 50 * z)
    assert view_of(viewer, layer) == ViewRequest(z, 0, 20, 0, 30)


def test_the_section_is_found_when_the_viewer_counts_in_other_units(viewer: ViewerModel, layer: Image) -> None:
    other = viewer.add_image(np.zeros((9, 20, 30)), scale=(0.05, 0.004, 0.004), units=("um",) * 3)
    for z in (1, 7):
        viewer.dims.set_current_step(0, 0)
        point = other.data_to_world((z, 0, 0))[0]
        viewer.dims.set_point(0, point if "micro" in str(viewer.dims.units[0]) else point * 1000)
        assert view_of(viewer, other).z == z


def test_an_extra_axis_of_another_layer_does_not_matter(viewer: ViewerModel, layer: Image) -> None:
    viewer.add_image(np.zeros((3, 9, 20, 30)), scale=(1, 50, 4, 4), translate=(0, 100, 0, 0), units=("s", *("nm",) * 3))
    viewer.dims.set_point(1, 100 + 50 * 6)
    assert view_of(viewer, layer).z == 6


def test_in_3d_no_section_is_in_view(viewer: ViewerModel, layer: Image) -> None:
    viewer.dims.ndisplay = 3
    assert view_of(viewer, layer) is None
    viewer.dims.set_point(0, 100 + 50 * 4)
    viewer.dims.ndisplay = 2
    viewer.dims.order = (0, 2, 1)  # lies on its side
    assert view_of(viewer, layer) == ViewRequest(4, 0, 20, 0, 30)


@pytest.mark.parametrize(
    ("order", "cut"),
    [
        ((1, 0, 2), CutRequest(0, 9, 7, 8, 0, 30)),
        ((1, 2, 0), CutRequest(0, 9, 7, 8, 0, 30)),
        ((2, 0, 1), CutRequest(0, 9, 0, 20, 11, 12)),
        ((2, 1, 0), CutRequest(0, 9, 0, 20, 11, 12)),
    ],
)
def test_with_axes_rolled_a_cut_across_the_sections_is_in_view(
    viewer: ViewerModel, layer: Image, order: tuple[int, ...], cut: CutRequest
) -> None:
    viewer.dims.order = order
    viewer.dims.set_point([0, 1, 2], [100 + 50 * 3, 4 * 7, 4 * 11])
    assert view_of(viewer, layer) == cut


def test_a_layer_with_time_is_seen_at_its_time_alone_and_not_with_time_in_the_picture(viewer: ViewerModel) -> None:
    layer = viewer.add_image(np.zeros((4, 2, 9, 20, 30), np.uint8), scale=(1, 1, 50, 4, 4))
    viewer.dims.set_point([0, 1, 2, 3], [3, 1, 50 * 5, 4 * 6])
    assert view_of(viewer, layer) is None
    assert view_of(viewer, layer, (3,)) is None
    assert view_of(viewer, layer, (3, 0)) is None
    assert view_of(viewer, layer, (3, 1)) == ViewRequest(5, 0, 20, 0, 30)
    viewer.dims.order = (0, 1, 3, 2, 4)
    assert view_of(viewer, layer, (3, 1)) == CutRequest(0, 9, 6, 7, 0, 30)
    viewer.dims.order = (1, 2, 3, 0, 4)
    assert view_of(viewer, layer, (3, 1)) is None


def test_going_to_a_place_leaves_time_as_it_is_and_looks_at_it_in_a_cut(viewer: ViewerModel) -> None:
    layer = viewer.add_image(np.zeros((4, 9, 20, 30), np.uint8), scale=(1, 50, 4, 4))
    viewer.dims.set_point(0, 2)
    viewer.dims.order = (0, 2, 1, 3)
    go_to(layer, viewer, (5, 6, 7))
    assert tuple(viewer.dims.point) == (2, 250, 24, 28)
    assert tuple(viewer.scene.camera.center)[-2:] == (250, 28)


def test_of_a_large_cut_only_the_visible_part_is_asked_for(viewer: ViewerModel) -> None:
    layer = viewer.add_image(
        LiveMap((5000, 3, 9000)), contrast_limits=(0, 255), multiscale=False, rgb=False, units=("nm",) * 3
    )
    viewer.dims.order = (1, 0, 2)
    layer.corner_pixels = np.array([[1000, 0, 2000], [1500, 0, 2800]])
    assert view_of(viewer, layer) == CutRequest(950, 1550, 1, 2, 1920, 2880)


def test_a_layer_that_left_the_viewer_has_no_view(viewer: ViewerModel, layer: Image) -> None:
    viewer.layers.remove(layer)
    assert view_of(viewer, layer) is None


def test_of_a_large_section_only_the_visible_part_is_asked_for(viewer: ViewerModel) -> None:
    layer = viewer.add_image(
        LiveMap((3, 9000, 9000)), contrast_limits=(0, 255), multiscale=False, rgb=False, units=("nm",) * 3
    )
    layer.corner_pixels = np.array([[0, 1000, 2000], [0, 1500, 2800]])
    view = view_of(viewer, layer)
    assert (view.y0, view.y1, view.x0, view.x1) == (950, 1550, 1920, 2880)
    layer.corner_pixels = np.array([[0, 0, 0], [0, 9000, 9000]])
    view = view_of(viewer, layer)
    assert (view.y1 - view.y0) * (view.x1 - view.x0) <= FULL_SECTION_PX


def test_a_follower_calls_once_per_change(qtbot: Any, viewer: ViewerModel, layer: Image) -> None:
    seen: list[ViewRequest] = []
    follower = ViewFollower(viewer, seen.append)
    follower.follow(layer)
    for z in range(9):
        viewer.dims.set_point(0, 100 + 50 * z)
    qtbot.waitUntil(lambda: seen[-1].z == 8, timeout=2000)
    assert len(seen) < 9  # quick scrolling is thinned out
    count = len(seen)
    viewer.scene.camera.zoom = 5  # the whole section was asked for already
    follower.look()
    assert len(seen) == count
    follower.close()
    viewer.dims.set_point(0, 100)
    follower.look()
    assert len(seen) == count


def test_a_follower_asks_anew_for_each_row_of_a_cut(qtbot: Any, viewer: ViewerModel, layer: Image) -> None:
    seen: list[Any] = []
    follower = ViewFollower(viewer, seen.append)
    follower.follow(layer)
    viewer.dims.order = (1, 0, 2)
    for row in (3, 4):
        viewer.dims.set_point(1, 4 * row)
        follower.look()
        assert seen[-1] == CutRequest(0, 9, row, row + 1, 0, 30)
    count = len(seen)
    viewer.dims.set_point(0, 100 + 50 * 2)  # the section, which is not in view
    follower.look()
    assert len(seen) == count
    follower.close()


def test_another_time_can_be_shown_and_the_place_stays(viewer: ViewerModel) -> None:
    layer = viewer.add_image(np.zeros((4, 9, 20, 30), np.uint8), scale=(10, 50, 4, 4))
    viewer.dims.set_point([0, 1], [10, 150])
    show_leading(layer, viewer, (3,))
    assert tuple(viewer.dims.point)[:2] == (30, 150)
