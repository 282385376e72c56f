"""Lengths in files, converted to nm."""

from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.io.units import scale_from_attributes, to_nm


@pytest.mark.parametrize(
    ("value", "unit", "nm"),
    [
        (4, "nm", 4.0),
        ("4", "nanometer", 4.0),
        (0.004, "µm", 4.0),
        (0.004, "μm", 4.0),
        (0.004, "um", 4.0),
        (0.004, "micron", 4.0),
        (0.004, "microns", 4.0),
        (0.004, "\\u00B5m", 4.0),
        (0.004, "Micrometre", 4.0),
        (40, "angstrom", 4.0),
        (40, "Å", 4.0),
        (4e-6, "mm", 4.0),
        (4e-9, "m", 4.0),
        (4, b"nm", 4.0),
    ],
)
def test_a_length_is_converted_without_noise_in_the_last_digit(value, unit, nm):
    assert to_nm(value, unit) == nm


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (1, "pixel"),
        (1, ""),
        (1, None),
        (1, "Mm"),
        (1, "inch"),
        (0, "nm"),
        (-1, "nm"),
        (np.nan, "nm"),
        (None, "nm"),
        ("x", "nm"),
    ],
)
def test_what_is_no_length_is_none(value, unit):
    assert to_nm(value, unit) is None


@pytest.mark.parametrize(
    ("attributes", "sizes"),
    [
        ({"element_size_um": np.array([0.05, 0.004, 0.003])}, (50, 4, 3)),
        ({"resolution": [50, 4, 3]}, (50, 4, 3)),
        ({"voxel_size": [50, 4, 3]}, (50, 4, 3)),
        ({"voxel_size": [0.05, 0.004, 0.003], "unit": "um"}, (50, 4, 3)),
        ({"voxel_size": [50, 4, 3], "units": ["nm", "nm", "nm"]}, (50, 4, 3)),
        ({"voxel_size_nm": [50, 4, 3], "unit": "um"}, (50, 4, 3)),
        ({"resolution": [1, 1, 1], "element_size_um": [0.05, 0.004, 0.003]}, (50, 4, 3)),
        ({"resolution": 4}, None),
        ({"resolution": [4, 4]}, None),
        ({"resolution": [0, 4, 4]}, None),
        ({"voxel_size": [1, 1, 1], "unit": "pixel"}, None),
        ({}, None),
    ],
)
def test_attributes_tell_the_voxel_size_by_known_conventions_only(attributes, sizes):
    assert scale_from_attributes(attributes, 3) == sizes


def test_three_numbers_belong_to_the_last_three_of_four_axes():
    assert scale_from_attributes({"resolution": [50, 4, 3]}, 4) == (1, 50, 4, 3)
