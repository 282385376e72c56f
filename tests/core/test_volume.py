from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.volume import Box, Volume

SHAPE = (4, 6, 8)
DATA = np.arange(4 * 6 * 8, dtype=np.uint16).reshape(SHAPE)
SIZE = (50.0, 4.0, 4.0)


class Recorder:
    """An array that remembers how much of it was read, and can be broken."""

    def __init__(self, data: np.ndarray, answer: Exception | np.ndarray | None = None) -> None:
        self.data, self.answer, self.keys = data, answer, []
        self.shape, self.dtype = data.shape, data.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        self.keys.append(key)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.data[key] if self.answer is None else self.answer


@pytest.fixture
def volume() -> Volume:
    return Volume(DATA, SIZE, "mine", "mine.tif")


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("0:2,1:3,2:8", Box(0, 2, 1, 3, 2, 8)),
        (":,:,:", Box(0, 4, 0, 6, 0, 8)),
        (" 1: , :3 , 2 : 4", Box(1, 4, 0, 3, 2, 4)),
    ],
)
def test_a_region_is_read_from_text(text: str, box: Box) -> None:
    assert Box.parse(text, SHAPE) == box


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0:2",
        "0:2,0:2",
        "0:2,0:2,0:2,0:2",
        "0:5,:,:",
        "2:2,:,:",
        "0:0,:,:",
        "3:1,:,:",
        "-1:2,:,:",
        "a:b,:,:",
        "1,2,3",
    ],
)
def test_a_region_that_is_none_says_what_to_write(text: str) -> None:
    with pytest.raises(InputError, match="region") as caught:
        Box.parse(text, SHAPE)
    assert len(str(caught.value).splitlines()) == 1


def test_a_region_outside_names_its_axis() -> None:
    with pytest.raises(InputError, match=r"5:9 along x .*\(0:8\)"):
        Box.parse(":,:,5:9", SHAPE)


def test_whole_box_has_the_shape_of_the_stack() -> None:
    box = Box.whole(SHAPE)
    assert box.shape == SHAPE
    assert box.slices == (slice(0, 4), slice(0, 6), slice(0, 8))


def test_clipping_keeps_what_is_inside() -> None:
    assert Box(-2, 2, 3, 9, 1, 7).clipped(SHAPE) == Box(0, 2, 3, 6, 1, 7)
    assert Box(1, 2, 1, 2, 1, 2).clipped(SHAPE) == Box(1, 2, 1, 2, 1, 2)


@pytest.mark.parametrize("shape", [(6, 8), (3, 4, 6, 8), (8,), ()])
def test_a_stack_needs_three_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"mine: expected a stack with axes \(Z, Y, X\)"):
        Volume(np.zeros(shape), SIZE, "mine")


def test_a_stack_may_not_be_empty() -> None:
    with pytest.raises(InputError, match="empty"):
        Volume(np.zeros((0, 6, 8)), SIZE)


@pytest.mark.parametrize("dtype", ["complex64", "U3", "object", "datetime64[s]"])
def test_pixels_must_be_real_numbers(dtype: str) -> None:
    with pytest.raises(InputError, match="convert to an integer or float"):
        Volume(np.zeros(SHAPE, dtype), SIZE)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float16", "float32", "float64", "bool", ">u2"])
def test_integers_and_floats_are_taken_as_they_are(dtype: str) -> None:
    volume = Volume(DATA.astype(dtype), SIZE)
    assert volume.dtype == np.dtype(dtype)
    assert volume.read(Box(0, 1, 0, 2, 0, 2)).dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    "size", [(50, 4), (50, 4, 4, 4), (50, 0, 4), (50, -4, 4), (50, 4, float("nan")), (float("inf"), 4, 4)]
)
def test_voxel_size_must_be_three_positive_numbers(size: Any) -> None:
    with pytest.raises(InputError, match="three positive numbers in nm"):
        Volume(DATA, size)


def test_voxel_size_becomes_floats() -> None:
    volume = Volume(DATA, (50, 4, np.float32(4)))  # type: ignore[arg-type]
    assert volume.voxel_size_nm == (50.0, 4.0, 4.0)
    assert all(type(size) is float for size in volume.voxel_size_nm)


def test_a_volume_can_not_be_edited(volume: Volume) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        volume.name = "other"  # type: ignore[misc]


def test_reading_gives_the_voxels_of_the_box(volume: Volume) -> None:
    assert np.array_equal(volume.read(Box(1, 3, 2, 5, 3, 4)), DATA[1:3, 2:5, 3:4])


def test_a_section_is_two_dimensional(volume: Volume) -> None:
    assert np.array_equal(volume.section(2), DATA[2])


def test_nothing_is_read_until_it_is_asked_for() -> None:
    data = Recorder(DATA)
    volume = Volume(data, SIZE).crop(Box(1, 3, 0, 6, 0, 8))
    assert data.keys == []
    volume.section(1)
    assert data.keys == [(slice(2, 3), slice(0, 6), slice(0, 8))]


@pytest.mark.parametrize(
    "error", [OSError("broken"), KeyError("0.0.0"), RuntimeError("codec\nsecond line"), ValueError("")]
)
def test_a_part_that_can_not_be_read_is_the_users_problem_in_one_line(error: Exception) -> None:
    volume = Volume(Recorder(DATA, error), SIZE, "mine")
    with pytest.raises(InputError, match=rf"mine: can't read sections 1 to 2 \({type(error).__name__}") as caught:
        volume.read(Box(1, 3, 0, 2, 0, 2))
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.__cause__ is error


def test_a_truncated_file_is_noticed() -> None:
    volume = Volume(Recorder(DATA, np.zeros((1, 2, 2))), SIZE)
    with pytest.raises(InputError, match="truncated"):
        volume.read(Box(0, 2, 0, 2, 0, 2))


@pytest.mark.parametrize("box", [Box(-1, 2, 0, 6, 0, 8), Box(0, 5, 0, 6, 0, 8), Box(0, 4, 0, 6, 7, 9)])
def test_a_box_outside_is_never_read_as_something_else(volume: Volume, box: Box) -> None:
    with pytest.raises(InputError):
        volume.read(box)


def test_a_crop_is_the_part_inside_with_the_same_voxels(volume: Volume) -> None:
    crop = volume.crop(Box(1, 4, 2, 6, 3, 8))
    assert crop.shape_zyx == (3, 4, 5)
    assert (crop.voxel_size_nm, crop.name, crop.source, crop.dtype) == (SIZE, "mine", "mine.tif", volume.dtype)
    assert np.array_equal(crop.read(Box.whole(crop.shape_zyx)), DATA[1:4, 2:6, 3:8])
    assert np.array_equal(crop.read(Box(1, 2, 0, 2, 4, 5)), DATA[2:3, 2:4, 7:8])


def test_a_crop_of_a_crop_counts_from_the_inner_corner(volume: Volume) -> None:
    crop = volume.crop(Box(1, 4, 2, 6, 3, 8)).crop(Box(1, 2, 1, 3, 1, 3))
    assert np.array_equal(crop.section(0), DATA[2, 3:5, 4:6])


def test_a_crop_does_not_read_beyond_itself(volume: Volume) -> None:
    with pytest.raises(InputError):
        volume.crop(Box(1, 3, 0, 6, 0, 8)).read(Box(0, 3, 0, 6, 0, 8))


def test_cropping_to_everything_changes_nothing(volume: Volume) -> None:
    assert volume.crop(Box.whole(SHAPE)) is volume
