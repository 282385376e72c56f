"""From a layer to a Volume, with the right voxel size."""

from __future__ import annotations

from typing import Any

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_em_autoclass.core.errors import InputError, MissingVoxelSize
from napari_em_autoclass.gui.source import (
    OURS,
    parse_voxel_size,
    shape_of,
    stack_layers,
    transform_of,
    volume_of,
    voxel_size_of,
    voxel_size_text,
)


def image(shape: tuple[int, ...] = (4, 5, 6), **options: Any) -> Image:
    return Image(np.zeros(shape, np.uint8), **options)


@pytest.mark.parametrize(
    ("scale", "unit", "expected"),
    [
        ((50, 4, 3), "nm", (50, 4, 3)),
        ((0.05, 0.004, 0.003), "um", (50, 4, 3)),
        ((1e-5, 1e-5, 2e-5), "mm", (10, 10, 20)),
        ((50, 4, 3), "pixel", None),
    ],
)
def test_the_voxel_size_is_the_scale_in_nm_if_the_unit_is_a_length(scale: Any, unit: str, expected: Any) -> None:
    found = voxel_size_of(image(scale=scale, units=(unit,) * 3))
    assert found == (None if expected is None else pytest.approx(expected))


def test_one_axis_without_a_unit_leaves_the_size_unknown() -> None:
    assert voxel_size_of(image(scale=(50, 4, 4), units=("pixel", "nm", "nm"))) is None


def test_a_missing_voxel_size_is_asked_for() -> None:
    with pytest.raises(MissingVoxelSize, match="how large is a voxel"):
        volume_of(image(name="medulla"))
    assert volume_of(image(), (50, 4, 4)).voxel_size_nm == (50, 4, 4)


@pytest.mark.parametrize("shape", [(5, 6), (2, 4, 5, 6)])
def test_stacks_without_three_axes_are_refused_before_the_size_is_asked(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"\(Z, Y, X\)"):
        volume_of(image(shape))


def test_of_a_multiscale_layer_the_finest_level_is_taken_and_nothing_is_read() -> None:
    def explode(block: Any) -> Any:
        raise AssertionError("read")

    levels = [
        dask.array.zeros((4, 64, 64), dtype=np.uint8).map_blocks(explode, dtype=np.uint8, meta=np.zeros((0,) * 3))
        for _ in range(2)
    ]
    levels[1] = levels[1][:, ::2, ::2]
    layer = Image(levels, multiscale=True, contrast_limits=(0, 255), units=("nm",) * 3, visible=False)
    assert volume_of(layer).shape_zyx == (4, 64, 64)


def test_only_grey_stacks_of_the_user_are_offered() -> None:
    viewer = ViewerModel()
    good = viewer.add_image(np.zeros((4, 5, 6)))
    viewer.add_image(np.zeros((5, 6)))
    viewer.add_image(np.zeros((4, 5, 6, 3)), rgb=True)
    viewer.add_labels(np.zeros((4, 5, 6), int))
    viewer.add_image(np.zeros((4, 5, 6)), metadata={OURS: "probability"})
    assert stack_layers(viewer) == [good]


@pytest.mark.parametrize("text", ["50 4 4", "50, 4, 4", "50 x 4 x 4 nm", "50×4×4", " 50;4;4 "])
def test_a_voxel_size_can_be_typed_in_many_ways(text: str) -> None:
    assert parse_voxel_size(text) == (50, 4, 4)


def test_one_number_is_a_cube() -> None:
    assert parse_voxel_size("8.5 nm") == (8.5, 8.5, 8.5)


@pytest.mark.parametrize("text", ["", "50 4", "a b c", "0 4 4", "-1 4 4", "1 2 3 4", "nan 1 1"])
def test_what_is_no_voxel_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="50 4 4"):
        parse_voxel_size(text)


def test_the_voxel_size_reads_as_people_say_it() -> None:
    assert voxel_size_text((10, 10, 10)) == "10 nm"
    assert voxel_size_text((50, 4, 4.25)) == "50 × 4 × 4.25 nm"


def test_the_transform_makes_another_layer_lie_on_the_first() -> None:
    layer = image(scale=(50, 4, 3), translate=(1, 2, 3), units=("nm",) * 3, affine=np.diag([1.0, 2.0, 1.0, 1.0]))
    twin = image(**transform_of(layer))
    np.testing.assert_allclose(twin.data_to_world((1, 2, 3)), layer.data_to_world((1, 2, 3)))
    assert twin.units == layer.units


@pytest.mark.parametrize("lazy", [False, True])
def test_of_more_axes_one_index_is_the_stack(lazy: bool) -> None:
    data = np.random.default_rng(0).integers(0, 255, (3, 2, 4, 5, 6), dtype=np.uint8)
    layer = Image(dask.array.from_array(data, chunks=(1, 1, 2, 5, 6)) if lazy else data, name="film")
    assert shape_of(layer) == ((3, 2), (4, 5, 6))
    volume = volume_of(layer, (50, 4, 4), (2, 1), "time point 2, channel 1")
    assert (volume.shape_zyx, volume.dtype) == ((4, 5, 6), np.uint8)
    np.testing.assert_array_equal(volume.section(3), data[2, 1, 3])
    assert volume.name == "film (time point 2, channel 1)"
