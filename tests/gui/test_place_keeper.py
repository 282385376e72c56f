"""The section that is looked at stays when a layer goes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.gui.place_keeper import PlaceKeeper

STACK = np.zeros((30, 32, 48), np.uint8)
NM = {"scale": (50, 4, 4), "units": ("nm",) * 3}


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    made = make_napari_viewer()
    made.add_image(STACK, name="stack", **NM)
    made.dims.set_current_step(0, 11)
    return made


def z_nm(viewer: Any) -> float:
    return float(viewer.dims.point[0])


@pytest.mark.filterwarnings("ignore:Inconsistent units")
def test_a_layer_in_pixels_goes_and_the_section_stays(qtbot: Any, viewer: Any) -> None:
    keeper = PlaceKeeper(viewer)
    pixels = viewer.add_image(STACK[:8], name="pixels")
    more = viewer.add_image(STACK[:8], name="more")
    viewer.dims.set_point(0, 600)
    with qtbot.waitSignal(viewer.window._qt_viewer.dims.slider_widgets[0].slider.valueChanged):
        viewer.layers.remove(pixels)
        viewer.layers.remove(more)
    qtbot.waitUntil(lambda: z_nm(viewer) == 600)
    assert viewer.dims.current_step[0] == 12
    assert viewer.window._qt_viewer.dims.slider_widgets[0].slider.value() == 12
    keeper.close()


def test_it_moves_nothing_else(qtbot: Any, viewer: Any) -> None:
    keeper = PlaceKeeper(viewer)
    other = viewer.add_image(STACK, name="other", **NM)
    viewer.layers.remove(other)
    viewer.dims.set_current_step(0, 20)  # the user is quicker
    qtbot.wait(20)
    assert viewer.dims.current_step[0] == 20
    viewer.layers.clear()
    qtbot.wait(20)
    keeper.close()
