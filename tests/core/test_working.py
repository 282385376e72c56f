from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.core.working import WorkingVolume, bin_factors

SIZE = (50.0, 4.0, 4.0)
GREY = np.random.default_rng(0).integers(0, 256, (3, 21, 34), dtype=np.uint8)


def working(factors: tuple[int, int] = (2, 3), data: np.ndarray = GREY) -> WorkingVolume:
    depth = len(data)
    fitted = Normalisation(
        centre=120, spread=70, section_centre=(120.0, 118.5, 125.0)[:depth], section_spread=(70.0, 81.0, 63.5)[:depth]
    )
    return WorkingVolume(Volume(data, SIZE), fitted, factors)


@pytest.mark.parametrize(
    ("voxel_nm", "pixel_nm", "factors"),
    [
        ((50, 4, 4), 8, (2, 2)),
        ((50, 4, 8), 8, (2, 1)),
        ((8, 8, 8), 8, (1, 1)),
        ((10, 10, 10), 8, (1, 1)),  # never enlarged
        ((30, 5, 5), 8, (2, 2)),
        ((50, 4.6, 4.6), 8, (2, 2)),
        ((50, 1, 2), 16, (16, 8)),
    ],
)
def test_bin_factors_come_nearest_to_the_working_pixel(voxel_nm, pixel_nm: float, factors: tuple[int, int]) -> None:
    assert bin_factors(voxel_nm, pixel_nm) == factors


def test_a_last_partial_pixel_counts() -> None:
    assert working((2, 3)).shape_zyx == (3, 11, 12)
    assert working((1, 1)).shape_zyx == (3, 21, 34)
    assert working((100, 100)).shape_zyx == (3, 1, 1)


def test_pixel_size_grows_by_each_axis_own_factor() -> None:
    assert working((2, 3)).pixel_nm == (8.0, 12.0)


@pytest.mark.parametrize("factors", [(1, 1), (1, 2), (2, 3), (3, 1)])
def test_a_working_pixel_is_the_mean_of_its_normalised_voxels(factors: tuple[int, int]) -> None:
    view = working(factors)
    fy, fx = factors
    height, width = 21 // fy, 34 // fx
    fine = view.normalisation.apply(GREY, 0)[:, : height * fy, : width * fx]
    expected = fine.astype(np.float64).reshape(3, height, fy, width, fx).mean(axis=(2, 4))
    read = view.read(Box(0, 3, 0, height, 0, width))
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, expected, atol=1e-6)


def test_a_partial_pixel_is_the_mean_of_its_voxels_with_the_edge_repeated() -> None:
    view = working((2, 3))
    fine = view.normalisation.apply(GREY, 0)
    corner = view.read(Box(0, 3, 10, 11, 11, 12))[:, 0, 0]
    np.testing.assert_allclose(corner, fine[:, 20, 33], atol=1e-6)  # one voxel is left in the corner
    bottom = view.read(Box(0, 3, 10, 11, 0, 1))[:, 0, 0]
    np.testing.assert_allclose(bottom, fine[:, 20, 0:3].mean(axis=1), atol=1e-6)


def whole_and_mirrored(view: WorkingVolume, pad: int) -> np.ndarray:
    whole = view.read(Box.whole(view.shape_zyx))
    return np.pad(whole, ((0, 0), (pad, pad), (pad, pad)), mode="reflect")


boxes = st.tuples(*[st.integers(-30, 60) for _ in range(2)], *[st.integers(1, 40) for _ in range(2)], st.integers(0, 2))


@pytest.mark.parametrize("factors", [(1, 1), (2, 3)])
@given(place=boxes)
def test_blocks_have_the_bits_of_the_whole_inside_and_beyond_the_section(
    factors: tuple[int, int], place: tuple[int, int, int, int, int]
) -> None:
    y, x, height, width, z = place
    view, pad = working(factors), 110
    box = Box(z, 3, y, y + height, x, x + width)
    expected = whole_and_mirrored(view, pad)[z:, y + pad : y + height + pad, x + pad : x + width + pad]
    assert np.array_equal(view.read(box), expected)


def test_a_section_of_one_pixel_is_repeated() -> None:
    view = working((2, 3), GREY[:, :2, :3])
    block = view.read(Box(0, 3, -2, 4, -1, 2))
    assert block.shape == (3, 6, 3)
    assert np.array_equal(block, np.broadcast_to(view.read(Box(0, 3, 0, 1, 0, 1)), (3, 6, 3)))


def test_only_the_voxels_that_are_needed_are_read() -> None:
    keys = []

    class Recorder:
        shape, dtype = GREY.shape, GREY.dtype

        def __getitem__(self, key):
            keys.append(key)
            return GREY[key]

    view = WorkingVolume(Volume(Recorder(), SIZE), working().normalisation, (2, 3))
    view.read(Box(1, 2, -2, 4, 3, 5))
    assert keys == [(slice(1, 2), slice(0, 8), slice(9, 15))]


def test_what_was_read_can_be_written_to() -> None:
    data = GREY.astype(np.float32)
    before = data.copy()
    view = working((1, 1), data)
    view.read(Box.whole(view.shape_zyx))[:] = 0
    assert np.array_equal(data, before)


def test_a_hole_is_refused() -> None:
    data = GREY.astype(np.float32)
    data[1, 5, 5] = np.nan
    with pytest.raises(InputError, match="sections 1 to 1 hold NaN"):
        working((2, 3), data).read(Box(1, 2, 0, 4, 0, 4))


@pytest.mark.parametrize("box", [Box(-1, 2, 0, 4, 0, 4), Box(2, 4, 0, 4, 0, 4)])
@pytest.mark.parametrize("factors", [(1, 1), (2, 3)])
def test_sections_that_do_not_exist_are_refused(factors: tuple[int, int], box: Box) -> None:
    with pytest.raises(InputError):
        working(factors).read(box)


@pytest.mark.parametrize("factors", [(1, 1), (2, 3)])
def test_a_section_is_read_between_those_around_it(factors: tuple[int, int]) -> None:
    view = working(factors)
    box = Box(1, 2, -2, 5, 1, 9)
    three = np.concatenate([view.read(Box(z, z + 1, -2, 5, 1, 9)) for z in range(3)])
    assert np.array_equal(view.read_with_context(box, 0), view.read(box))
    assert np.array_equal(view.read_with_context(box, 1), three)
    assert np.array_equal(view.read_with_context(Box(0, 1, -2, 5, 1, 9), 1), three[[0, 0, 1]])
    assert np.array_equal(view.read_with_context(Box(2, 3, -2, 5, 1, 9), 2), three[[0, 1, 2, 2, 2]])


def test_a_part_shows_what_lies_inside_with_the_values_of_the_whole() -> None:
    whole = working()
    depth, height, width = whole.volume.shape_zyx
    part = whole.part(Box(1, depth, 2, height, 4, width), left_out=(0, 2))
    fy, fx = whole.factors_yx
    y0, x0 = 2 // fy, 4 // fx
    assert part.left_out == {1}
    assert part.sound_sections == tuple(z for z in range(depth - 1) if z != 1)
    _, rows, columns = whole.shape_zyx
    inside = whole.read(Box(1, depth, y0, rows, x0, columns))
    np.testing.assert_array_equal(part.read(Box.whole(part.shape_zyx)), inside)
