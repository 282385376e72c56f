"""From a drawn rectangle to voxels."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.gui.rectangle import rectangle_on

CORNERS = np.array([[38, 78], [38, 158], [118, 158], [118, 78]])  # nm; a voxel reaches 2 nm to either side


def test_the_selected_shape_counts_else_the_last() -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((4, 40, 60), np.uint8), scale=(50, 4, 4))
    with pytest.raises(InputError, match="Draw a rectangle"):
        rectangle_on(viewer, layer)
    shapes = viewer.add_shapes([CORNERS, CORNERS - 40], shape_type="rectangle")
    assert rectangle_on(viewer, layer) == (0, 20, 10, 30)  # cut at the edge of the stack
    shapes.selected_data = {0}
    assert rectangle_on(viewer, layer) == (10, 30, 20, 40)


def test_a_rectangle_beside_the_stack_is_refused() -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((4, 40, 60), np.uint8), scale=(50, 4, 4))
    viewer.add_shapes([CORNERS + 1000], shape_type="rectangle")
    with pytest.raises(InputError, match="does not lie on the stack"):
        rectangle_on(viewer, layer)
