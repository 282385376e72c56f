"""Maps beside the class map."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_em_autoclass.gui.comparison import ComparedMap
from napari_em_autoclass.gui.side_layers import ComparedLayer, TaughtLayer
from napari_em_autoclass.gui.teaching import TaughtMap


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def source(viewer: ViewerModel) -> Image:
    return viewer.add_image(np.zeros((5, 32, 48), np.uint8), name="tiny", scale=(50, 4, 3), translate=(10, 20, 30))


def test_a_compared_map_lies_on_its_section_and_the_next_takes_its_place(viewer: ViewerModel, source: Image) -> None:
    layer = ComparedLayer(viewer)
    for title, value in (("SimCLR", 2), ("Filters", 3)):
        layer.show(source, ComparedMap(title, 3, (4, 8), np.full((20, 30), value, np.uint8), 4))
        shown = viewer.layers[f"{title} · tiny"]
        assert viewer.dims.current_step[0] == 3
        np.testing.assert_allclose(shown.affine.affine_matrix, source.affine.affine_matrix)
        np.testing.assert_array_equal(shown.data[3][4:24, 8:38], value)
        assert not np.asarray(shown.data[2]).any()
    assert len(viewer.layers) == 2
    viewer.layers.remove("Filters · tiny")  # by the user: it comes back with the next click
    layer.show(source, ComparedMap("VICReg", 1, (0, 0), np.ones((32, 48), np.uint8), 4))
    assert "VICReg · tiny" in viewer.layers


def test_a_compared_map_of_a_time_series_lies_at_its_time(viewer: ViewerModel) -> None:
    source = viewer.add_image(np.zeros((3, 5, 32, 48), np.uint8), name="film")
    ComparedLayer(viewer).show(source, ComparedMap("SimCLR", 3, (4, 8), np.full((20, 30), 2, np.uint8), 4), (1,))
    shown = viewer.layers["SimCLR · film"].data
    assert shown.shape == (3, 5, 32, 48)
    assert [bool(np.any(shown[t, 3])) for t in range(3)] == [False, True, False]
    assert viewer.dims.current_step[1] == 3


def test_a_map_that_is_kept_takes_neither_selection_nor_section_and_shows_when_asked(
    viewer: ViewerModel, source: Image
) -> None:
    viewer.dims.set_current_step(0, 1)
    viewer.layers.selection.active = source
    ComparedLayer(viewer).keep(source, ComparedMap("before", 3, (0, 0), np.ones((32, 48), np.uint8), 4))
    assert not viewer.layers["before · tiny"].visible
    assert viewer.layers.selection.active is source
    assert viewer.dims.current_step[0] == 1


def test_what_was_taught_lies_under_the_paint_in_its_colours(viewer: ViewerModel, source: Image) -> None:
    painted = viewer.add_labels(np.zeros((5, 32, 48), np.uint8), name="paint")
    painted.data[2, 3, 4] = 7
    found = TaughtMap((7,), ((2, np.full((32, 48), 7, np.uint8)),))
    layer = TaughtLayer(viewer)
    for _ in range(2):
        layer.show(painted, found)
    assert [made.name for made in viewer.layers] == ["tiny", "found · paint", "paint"]
    assert (viewer.layers["found · paint"].data[2] == 7).all()
    np.testing.assert_allclose(viewer.layers["found · paint"].get_color(7), painted.get_color(7))
    assert viewer.layers.selection.active is painted
