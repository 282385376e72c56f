"""Which colour an id has, and which class a part leads back to."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_splits import with_split
from napari_em_autoclass.core.split import FoundParts
from napari_em_autoclass.gui.class_colors import LabelsLook, colors_of, label_colors, towards, whole_classes

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


def test_colours_and_eyes_are_those_of_the_class_map() -> None:
    class_map = SPLIT.merge([1, 6], name="axon").with_visible([3], False).recolour(4, "#102030")
    for class_id, color in colors_of(class_map).items():
        if class_id:
            assert color == class_map.color_of(class_id) + ("" if class_map.is_visible(class_id) else "00")


@pytest.mark.parametrize(
    ("class_map", "n_colored"),
    [(ClassMap.fresh(4).rename(2, "axon").lock([3]), 1), (ClassMap.fresh(4).with_visible([1], False), 2)],
)
def test_a_layer_is_coloured_anew_only_when_a_colour_is_another(class_map: ClassMap, n_colored: int) -> None:
    layer, look, told = Labels(np.zeros((2, 8, 8), np.uint8)), LabelsLook(), list[object]()
    layer.events.colormap.connect(told.append)
    look.color(layer, ClassMap.fresh(4))
    look.color(layer, class_map)
    assert len(told) == n_colored
    other = Labels(np.zeros((2, 8, 8), np.uint8))
    look.color(other, class_map)
    assert (other.colormap.color_dict[1][3] == 0) == (n_colored == 2)


def test_a_table_is_given_once() -> None:
    layer, look, told = Labels(np.zeros((2, 8, 8), np.uint8)), LabelsLook(), list[object]()
    layer.events.features.connect(told.append)
    look.describe(layer, {"index": [1, 2], "name": ["a", "b"]})
    look.describe(layer, {"index": [1, 2], "name": ["a", "b"]})
    assert len(told) == 1
    look.describe(layer, {"index": [1, 2], "name": ["a", "c"]})
    assert layer.features["name"].tolist() == ["a", "c"]
