from __future__ import annotations

from typing import Any

import pytest

from napari_em_autoclass.io.n5_scale import level_scale

IN_UM = {"dimensions": [0.004, 0.005, 0.03], "unit": "um"}
TRANSFORM = {"axes": ["z", "y", "x"], "scale": [30, 5, 4], "units": ["nm"] * 3, "translate": [0, 0, 0]}


@pytest.mark.parametrize(
    ("own", "group", "level", "size"),
    [
        ({"transform": TRANSFORM, "pixelResolution": [1, 1, 1]}, {}, 0, (30, 5, 4)),
        ({"transform": {**TRANSFORM, "axes": ["x", "y", "z"]}}, {}, 0, (4, 5, 30)),
        ({"pixelResolution": IN_UM}, {}, 0, (30, 5, 4)),
        ({"pixelResolution": [4, 5, 30]}, {}, 0, (30, 5, 4)),
        ({"pixelResolution": IN_UM, "downsamplingFactors": [2, 2, 1]}, {}, 1, (30, 10, 8)),
        ({"resolution": [4, 5, 30]}, {"resolution": [9, 9, 9]}, 3, (30, 5, 4)),
        ({"resolution": [0.004, 0.005, 0.03], "unit": "um"}, {}, 0, (30, 5, 4)),
        ({}, {"resolution": [4, 5, 30]}, 0, (30, 5, 4)),
        ({"downsamplingFactors": [4, 4, 2]}, {"resolution": [4, 5, 30]}, 2, (60, 20, 16)),
        ({}, {"pixelResolution": IN_UM, "scales": [[1, 1, 1], [2, 2, 1]]}, 1, (30, 10, 8)),
        ({}, {"pixelResolution": IN_UM, "downsamplingFactors": [[1, 1, 1], [2, 2, 1]]}, 1, (30, 10, 8)),
    ],
)
def test_each_convention(own: dict[str, Any], group: dict[str, Any], level: int, size: tuple[float, ...]) -> None:
    assert level_scale(own, group, level) == pytest.approx(size)


@pytest.mark.parametrize(
    ("own", "group", "level"),
    [
        ({}, {}, 0),
        ({}, {"resolution": [4, 5, 30]}, 1),  # of which nobody says how much coarser it is
        ({}, {"resolution": [4, 5, 30], "scales": [[1, 1, 1]]}, 1),
        ({"pixelResolution": {"dimensions": [4, 5, 30], "unit": "pixel"}}, {}, 0),
        ({"pixelResolution": [4, 5]}, {}, 0),
        ({"pixelResolution": [4, 5, "a"]}, {}, 0),
        ({"resolution": 3}, {"resolution": None}, 0),
        ({"transform": {**TRANSFORM, "units": ["nm"]}}, {}, 0),
        ({"transform": {**TRANSFORM, "axes": ["t", "y", "x"]}}, {}, 0),
        ({"transform": [3]}, {}, 0),
        ({"resolution": [4, 5, 30], "downsamplingFactors": [0, 1, 1]}, {}, 0),
    ],
)
def test_what_is_not_said_is_not_guessed(own: dict[str, Any], group: dict[str, Any], level: int) -> None:
    found = level_scale(own, group, level)
    assert found is None or None in found
