"""Which section, and which part of it, is in view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_em_autoclass.core.events import ViewRequest
from napari_em_autoclass.gui.live_map import LiveMap
from napari_em_autoclass.gui.viewpoint import FULL_SECTION_PX, ViewFollower, view_of


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


def test_in_3d_and_transposed_no_single_section_is_in_view(viewer: ViewerModel, layer: Image) -> None:
    viewer.dims.ndisplay = 3
    assert view_of(viewer, layer) is None
    viewer.dims.ndisplay = 2
    viewer.dims.order = (1, 0, 2)
    assert view_of(viewer, layer) is None
    viewer.dims.order = (0, 2, 1)
    assert view_of(viewer, layer) is not None


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
