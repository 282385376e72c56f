"""Objects keep their numbers from section to section."""

from __future__ import annotations

import numpy as np

from napari_em_autoclass.core.refinement.maskcut import Cutting
from napari_em_autoclass.core.refinement.z_links import carried_over, objects_by_section

Y, X = np.indices((120, 200))
FINE = Cutting(cell_px=4)


def disc(y: float, x: float, radius: float) -> np.ndarray:
    found: np.ndarray = (Y - y) ** 2 + (X - x) ** 2 < radius**2
    return found


def stack() -> np.ndarray:
    """Give two rods along z that lean and touch, and a third that begins in section 4."""
    sections = [disc(60, 60 + z, 30) | disc(60, 112 + z, 30) for z in range(7)]
    for z in (4, 5, 6):
        sections[z] |= disc(20, 180, 12)
    return np.array(sections)


def test_objects_keep_their_numbers_from_the_middle_to_both_ends() -> None:
    inside = stack()
    found = dict(objects_by_section(lambda z: (inside[z], None), 7, FINE))
    assert list(found) == [3, 4, 5, 6, 2, 1, 0]
    objects = np.array([found[z] for z in range(7)])
    assert np.array_equal(objects > 0, inside)
    left, right = ({int(objects[z, 60, x + z]) for z in range(7)} for x in (50, 122))
    assert len(left) == len(right) == 1
    assert left != right
    assert {int(objects[z, 20, 180]) for z in (4, 5, 6)} == {3}
    assert objects.max() == 3


def test_a_piece_that_was_there_before_is_not_cut_anew() -> None:
    before = np.where(disc(60, 60, 30), 7, 0).astype(np.int32)
    both = disc(60, 60, 30) | disc(60, 112, 30)
    assert set(np.unique(carried_over(before, both, None, 7, FINE))) == {0, 7}


def test_what_nobody_covers_is_cut_and_gets_new_numbers() -> None:
    before = np.where(disc(60, 20, 15), 7, 0).astype(np.int32)
    inside = disc(60, 20, 15) | disc(60, 100, 30) | disc(60, 152, 30)
    found = carried_over(before, inside, None, 9, FINE)
    assert set(np.unique(found)) == {0, 7, 10, 11}


def test_only_the_sections_in_hand_are_read() -> None:
    inside, read = stack(), []

    def section(z: int) -> tuple[np.ndarray, None]:
        read.append(z)
        return inside[z], None

    found = objects_by_section(section, 7, FINE)
    next(found)
    assert read == [3]
    next(found)
    assert read == [3, 4]
