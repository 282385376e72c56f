"""The time point, or channel, of a layer with more than three axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_em_autoclass.gui.leading_box import LeadingBox, leading_names, leading_text


def image(*shape: int, **options: Any) -> Image:
    return Image(np.zeros(shape, np.uint8), **options)


@pytest.mark.parametrize(
    ("n", "labels", "words"),
    [
        (3, None, ()),
        (4, None, ("time point",)),
        (5, None, ("axis 0", "axis 1")),
        (5, ("T", "c", "z", "y", "x"), ("time point", "channel")),
        (4, ("tilt angle", "z", "y", "x"), ("tilt angle",)),
    ],
)
def test_the_axes_are_named_in_words(n: int, labels: Any, words: tuple[str, ...]) -> None:
    layer = image(*(2, 3, 4, 5, 6)[5 - n :], axis_labels=labels)
    assert leading_names(layer) == words
    assert leading_text(layer, tuple(range(n - 3))) == ", ".join(f"{word} {i}" for i, word in enumerate(words))


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def box(qtbot: Any, viewer: ViewerModel) -> LeadingBox:
    made = LeadingBox(viewer)
    qtbot.addWidget(made)
    return made


def test_a_stack_of_three_axes_needs_no_box(box: LeadingBox) -> None:
    for layer in (None, image(3, 4, 5)):
        box.offer(layer)
        assert box.isHidden()
        assert box.index == ()


def test_it_begins_where_the_viewer_is_and_says_what_is_chosen(
    qtbot: Any, box: LeadingBox, viewer: ViewerModel
) -> None:
    layer = viewer.add_image(np.zeros((7, 2, 3, 4, 5), np.uint8), scale=(10, 1, 50, 4, 4))
    viewer.dims.set_point([0, 1], [40, 1])
    box.offer(layer)
    assert not box.isHidden()
    assert box.index == (4, 1)
    with qtbot.waitSignal(box.changed, check_params_cb=lambda index: index == (6, 1)):
        box.boxes[0].setValue(99)  # there is no such time point
    with qtbot.assertNotEmitted(box.changed):
        box.set_index((2, 0))
    assert box.index == (2, 0)
    assert "no training" in box.boxes[0].toolTip()


def test_another_layer_has_boxes_of_its_own(box: LeadingBox, viewer: ViewerModel) -> None:
    for shape in ((2, 3, 3, 4, 5), (9, 3, 4, 5)):
        box.offer(viewer.add_image(np.zeros(shape, np.uint8)))
    assert [made.maximum() for made in box.boxes] == [8]
    box.offer(None)
    assert box.boxes == []
