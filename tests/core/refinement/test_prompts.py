"""A point inside each piece, and a box around it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.refinement.prompts import prompts_in_3d, prompts_in_sections
from napari_em_autoclass.core.volume import Box


@pytest.fixture
def classes() -> np.ndarray:
    """Give two sections with a square, a ring around nothing, and a crumb."""
    stack = np.ones((2, 40, 50), np.uint8)
    stack[:, 4:11, 5:14] = 2
    y, x = np.indices((40, 50))
    away = np.hypot(y - 25, x - 30)
    stack[0][(away < 12) & (away > 7)] = 3
    stack[1, 38, 2] = 2
    return stack


def test_a_prompt_is_the_middle_of_a_square_and_its_box(classes: np.ndarray) -> None:
    first, second, crumb = prompts_in_sections(classes, [2])
    assert first.point_zyx == (0, 7, 8) or first.point_zyx[:2] == (0, 7)
    assert first.box == Box(0, 1, 4, 11, 5, 14)
    assert (first.size, second.size, crumb.size) == (63, 63, 1)
    assert second.point_zyx[0] == 1
    assert crumb.point_zyx == (1, 38, 2)


def test_the_point_is_inside_however_bent_the_piece(classes: np.ndarray) -> None:
    (ring,) = prompts_in_sections(classes, [3])
    assert classes[ring.point_zyx] == 3
    assert classes[0, 25, 30] == 1  # where its centre of mass is


def test_classes_asked_for_together_are_one(classes: np.ndarray) -> None:
    (whole,) = prompts_in_sections(classes[:1], [1, 2, 3])
    assert whole.size == 40 * 50
    assert whole.class_id == 1


def test_small_pieces_are_left_out(classes: np.ndarray) -> None:
    assert len(list(prompts_in_sections(classes, [2], least=2))) == 2


def test_in_3d_a_piece_goes_through_sections(classes: np.ndarray) -> None:
    square, crumb = prompts_in_3d(classes, [2])
    assert square.box == Box(0, 2, 4, 11, 5, 14)
    assert square.size == 126
    assert crumb.box == Box(1, 2, 38, 39, 2, 3)


def test_the_deepest_point_knows_thick_sections() -> None:
    ball = np.zeros((7, 41, 41), np.uint8)
    ball[1:6, 5:36, 5:36] = 1
    ((point,),) = ([p.point_zyx for p in prompts_in_3d(ball, [1], voxel_size_nm=(50.0, 4.0, 4.0))],)
    depth = ndimage.distance_transform_edt(ball, sampling=(50.0, 4.0, 4.0))
    assert depth[point] == depth.max()


def test_sections_are_read_one_at_a_time(classes: np.ndarray) -> None:
    read: list[int] = []

    class Watched:
        shape, dtype = classes.shape, classes.dtype

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            read.append(key[0].start)
            return classes[key]

    prompts = prompts_in_sections(Watched(), [2])
    next(prompts)
    assert read == [0]


@pytest.mark.parametrize("ids", [[], [0, 2]])
def test_classes_that_make_no_sense_are_refused(classes: np.ndarray, ids: list[int]) -> None:
    with pytest.raises(InputError, match="give ids from 1 on"):
        list(prompts_in_sections(classes, ids))


def test_a_stack_too_large_for_3d_is_refused() -> None:
    huge = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (3000, 1000, 1000))
    with pytest.raises(InputError, match="section by section"):
        next(prompts_in_3d(huge, [1]))
