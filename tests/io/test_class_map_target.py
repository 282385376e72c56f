"""What a writer must know, checked at the door."""

from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box
from napari_em_autoclass.io.class_map_target import ClassMapTarget, checked

TARGET = ClassMapTarget((4, 5, 6), (50, 4, 3), 3)
BOX = Box(0, 2, 0, 5, 0, 6)


@pytest.mark.parametrize(
    "change",
    [
        {"n_classes": 0},
        {"n_classes": 255},
        {"shape_zyx": (0, 5, 6)},
        {"voxel_size_nm": (50, 0, 3)},
        {"names": {4: "x"}},
        {"colors": {1: "red"}},
        {"colors": {1: "#ff00"}},
    ],
    ids=str,
)
def test_what_can_not_be_written_is_refused(change):
    with pytest.raises(InputError):
        ClassMapTarget(**{"shape_zyx": (4, 5, 6), "voxel_size_nm": (50, 4, 3), "n_classes": 3, **change})


def test_colours_are_split_into_red_green_and_blue():
    assert ClassMapTarget((4, 5, 6), (50, 4, 3), 3, colors={2: "#ff8001"}).rgb(2) == (255, 128, 1)
    assert TARGET.rgb(2) is None


@pytest.mark.parametrize(
    ("box", "classes"),
    [
        (BOX, np.zeros((2, 5, 5), np.uint8)),
        (BOX, np.zeros((2, 5, 6), np.int32)),
        (BOX, np.full((2, 5, 6), 4, np.uint8)),
        (Box(3, 5, 0, 5, 0, 6), np.zeros((2, 5, 6), np.uint8)),
    ],
)
def test_a_block_that_does_not_fit_is_a_defect(box, classes):
    with pytest.raises(ValueError, match="block") as caught:
        checked((box, classes), TARGET)
    assert not isinstance(caught.value, InputError)


def test_probabilities_must_come_where_they_are_asked_for():
    target = ClassMapTarget((4, 5, 6), (50, 4, 3), 3, probabilities=True)
    classes = np.zeros((2, 5, 6), np.uint8)
    with pytest.raises(ValueError, match="got none"):
        checked((BOX, classes), target)
    with pytest.raises(ValueError, match="expected probabilities"):
        checked((BOX, classes, np.zeros((2, 2, 5, 6), np.uint8)), target)
    assert checked((BOX, classes, np.zeros((3, 2, 5, 6), np.uint8)), target)[0] == BOX
