"""The class map is solid in 3D."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_em_autoclass.gui.solid_in_3d import SolidIn3D


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def now() -> list[Any]:
    return [None]


@pytest.fixture
def solid(viewer: ViewerModel, now: list[Any]) -> Any:
    made = SolidIn3D(viewer, lambda: now[0])
    yield made
    made.close()


def add(viewer: ViewerModel, opacity: float = 0.5) -> Any:
    return viewer.add_labels(np.ones((4, 4, 4), np.uint8), opacity=opacity)


@pytest.mark.usefixtures("solid")
def test_only_our_layer_gets_solid_and_it_has_its_opacity_again_in_2d(viewer: ViewerModel, now: list[Any]) -> None:
    now[0], not_ours = add(viewer, 0.4), add(viewer, 0.3)
    viewer.dims.ndisplay = 3
    assert (now[0].opacity, not_ours.opacity) == (1.0, 0.3)
    viewer.dims.ndisplay = 2
    assert (now[0].opacity, not_ours.opacity) == (0.4, 0.3)


@pytest.mark.usefixtures("solid")
def test_an_opacity_chosen_in_3d_is_kept(viewer: ViewerModel, now: list[Any]) -> None:
    now[0] = add(viewer)
    viewer.dims.ndisplay = 3
    now[0].opacity = 0.8
    viewer.dims.ndisplay = 2
    assert now[0].opacity == 0.8


def test_a_layer_that_takes_its_place_in_3d_is_solid_too(solid: SolidIn3D, viewer: ViewerModel, now: list[Any]) -> None:
    first, second = add(viewer), add(viewer, 0.6)
    now[0] = first
    viewer.dims.ndisplay = 3
    now[0] = second
    solid.look()
    solid.look()
    assert (first.opacity, second.opacity) == (0.5, 1.0)
    viewer.dims.ndisplay = 2
    assert second.opacity == 0.6


def test_the_view_changes_nothing_without_a_layer_or_after_close(
    solid: SolidIn3D, viewer: ViewerModel, now: list[Any]
) -> None:
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    now[0] = add(viewer)
    solid.close()
    viewer.dims.ndisplay = 3
    assert now[0].opacity == 0.5
    viewer.dims.events.ndisplay.connect(solid.look)  # for the fixture to take away
