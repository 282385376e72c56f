"""Large layers stay out of the 3D view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_em_autoclass.gui import flat_only
from napari_em_autoclass.gui.flat_only import FlatOnly


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def said() -> list[bool]:
    return []


@pytest.fixture
def flat(viewer: ViewerModel, said: list[bool], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(flat_only, "MOST_IN_3D", 100)
    made = FlatOnly(viewer, said.append)
    yield made
    made.close()


def add(viewer: ViewerModel, side: int) -> Any:
    return viewer.add_labels(np.zeros((side,) * 3, np.uint8))


def test_only_large_layers_go_and_all_come_back(flat: FlatOnly, viewer: ViewerModel, said: list[bool]) -> None:
    large, small, hidden, not_ours = (add(viewer, side) for side in (6, 4, 6, 6))
    hidden.visible = False
    for layer in (large, small, hidden):
        flat.watch(layer)
    viewer.dims.ndisplay = 3
    assert [layer.visible for layer in (large, small, hidden, not_ours)] == [False, True, False, True]
    viewer.dims.ndisplay = 2
    assert [layer.visible for layer in (large, small, hidden, not_ours)] == [True, True, False, True]
    assert said == [True, False]


def test_an_eye_opened_in_3d_shows_in_2d(flat: FlatOnly, viewer: ViewerModel) -> None:
    layer = add(viewer, 6)
    layer.visible = False
    flat.watch(layer)
    viewer.dims.ndisplay = 3
    layer.visible = True
    assert not layer.visible
    viewer.dims.ndisplay = 2
    assert layer.visible


def test_a_layer_added_in_3d_is_hidden_at_once_and_can_be_forgotten(
    flat: FlatOnly, viewer: ViewerModel, said: list[bool]
) -> None:
    viewer.dims.ndisplay = 3
    layer = add(viewer, 6)
    flat.watch(layer)
    assert not layer.visible
    viewer.layers.remove(layer)
    flat.forget(layer)
    flat.forget(layer)
    assert said == [True, False]
    viewer.dims.ndisplay = 2
    assert not layer.visible  # it is not ours any more


def test_after_close_the_view_is_the_users(flat: FlatOnly, viewer: ViewerModel) -> None:
    layer = add(viewer, 6)
    flat.watch(layer)
    flat.close()
    viewer.dims.ndisplay = 3
    assert layer.visible
