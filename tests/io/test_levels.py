from __future__ import annotations

import pytest

from napari_em_autoclass.io.levels import fitting_level
from napari_em_autoclass.io.ome_zarr import Multiscale
from napari_em_autoclass.io.request import LevelFit, ReadRequest


def pyramid(*sizes: tuple[float | None, float | None, float | None]) -> Multiscale:
    return Multiscale("ZYX", tuple(map(str, range(len(sizes)))), sizes)


SSTEM = pyramid((40, 2, 2), (40, 4, 4), (40, 8, 8), (80, 16, 16))
FIBSEM = pyramid((4, 4, 4), (8, 8, 8), (16, 16, 16))


@pytest.mark.parametrize(
    ("levels", "working_pixel_nm", "expected"),
    [
        (SSTEM, 8, 2), (SSTEM, 7.9, 1), (SSTEM, 4, 1), (SSTEM, 3, 0), (SSTEM, 1, 0),
        (SSTEM, 16, 2),  # level 3 lacks every other section
        (FIBSEM, 8, 1), (FIBSEM, 16, 2), (FIBSEM, 6, 0),
        (pyramid((40, 2, 2), (40, 8.02, 8.02)), 8, 1),  # rounded
        (pyramid((40, 2, 2), (40, 8, 16)), 8, 0),
        (pyramid((40, 2, 2), (None, None, None), (40, 8, 8)), 8, 2),
        (pyramid((None, 2, 2), (40, 8, 8)), 8, 0),
    ],
)  # fmt: skip
def test_it_is_the_coarsest_that_is_fine_enough(levels: Multiscale, working_pixel_nm: float, expected: int) -> None:
    assert fitting_level(levels, ReadRequest(fit=LevelFit(working_pixel_nm))) == expected


def test_a_run_reads_the_level_of_the_size_it_was_trained_on() -> None:
    assert fitting_level(SSTEM, ReadRequest(fit=LevelFit(8, ((40, 2, 2),)))) == 0
    assert fitting_level(SSTEM, ReadRequest(fit=LevelFit(8, ((40.1, 4, 4),)))) == 1
    assert fitting_level(SSTEM, ReadRequest(fit=LevelFit(8, ((30, 5, 5),)))) == 2


def test_without_a_reason_it_is_the_finest() -> None:
    assert fitting_level(SSTEM, ReadRequest()) == 0
    # What the user says of the voxels is said of level 0.
    assert fitting_level(SSTEM, ReadRequest(voxel_size_nm=(40, 2, 2), fit=LevelFit(8))) == 0


def test_other_axes_do_not_matter() -> None:
    levels = Multiscale("CZYX", ("0", "1"), ((None, 40, 4, 4), (None, 40, 8, 8)))
    assert fitting_level(levels, ReadRequest(fit=LevelFit(8))) == 1
