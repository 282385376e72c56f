"""Which colour an id has, and which class a part leads back to."""

from __future__ import annotations

import numpy as np

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.gui.class_colors import label_colors, towards, whole_classes

SPLIT = with_split(ClassMap.fresh(4), FoundParts(2, ((0.0,), (1.0,)), 1.0, "student@1"))


def test_classes_and_parts_have_a_colour_each_and_hidden_ones_none() -> None:
    colors = label_colors(SPLIT.with_visible([5], False)).color_dict
    assert set(colors) == {None, 0, 1, 2, 3, 4, 5, 6}
    assert colors[5][3] == 0
    assert colors[6][3] == 1
    assert colors[0][3] == 0


def test_every_part_leads_back_to_its_class_and_all_else_to_itself() -> None:
    table = whole_classes(SPLIT.splits)
    assert table[[0, 1, 2, 5, 6, 7]].tolist() == [0, 1, 2, 2, 2, 7]
    assert table.dtype == np.uint8


def test_a_probability_goes_from_black_to_the_colour_of_its_class() -> None:
    np.testing.assert_allclose(towards("#ff8000").colors[[0, -1], :3], [[0, 0, 0], [1, 128 / 255, 0]], atol=1e-6)
