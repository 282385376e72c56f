"""What is counted of each class, on maps small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_em_autoclass.core.class_map import ClassMap
from napari_em_autoclass.core.class_statistics import StatisticsCounter, statistics_of_map

# Two sections of 2 x 3 voxels of 40 x 10 x 20 nm.
MAP = np.array([[[1, 1, 2], [1, 0, 2]], [[1, 2, 2], [3, 3, 2]]], np.uint8)
NM = (40.0, 10.0, 20.0)


def test_voxels_volumes_shares_and_sections() -> None:
    found = statistics_of_map(MAP, 3, NM)
    one = found.of_row(ClassMap.fresh(3), 1)
    assert (one.voxels, one.sections, one.sections_seen) == (4, 2, 2)
    assert one.share == pytest.approx(4 / 11)
    assert one.volume_um3 == pytest.approx(4 * 40 * 10 * 20 * 1e-9)
    assert one.entropy_bits is None
    three = found.of_row(ClassMap.fresh(3), 3)
    assert (three.voxels, three.sections) == (2, 1)
    assert found.shares() == pytest.approx((4 / 11, 5 / 11, 2 / 11))


def test_neighbours_are_weighed_by_the_area_of_the_faces() -> None:
    # Class 1 touches 2: along x twice (z * y = 400 nm2 each), along z once (y * x = 200).
    # It touches 3: along y once (z * x = 800), along z once (200).  Faces to 0 don't count.
    one = statistics_of_map(MAP, 3, NM).of_row(ClassMap.fresh(3), 1)
    assert [i for i, _ in one.neighbours] == [2, 3]
    assert [share for _, share in one.neighbours] == pytest.approx([0.5, 0.5])
    assert statistics_of_map(MAP, 3, NM).touching_um2[1, 2] == pytest.approx(1000e-6)


def test_slabs_count_like_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.random.default_rng(0).integers(0, 5, (7, 6, 5)).astype(np.uint8)
    whole = statistics_of_map(ids, 4, NM)
    monkeypatch.setattr("napari_em_autoclass.core.class_statistics._SLAB_VOXELS", 60)
    slabs = statistics_of_map(ids, 4, NM)
    for name in ("voxels", "touching_um2", "sections"):
        np.testing.assert_allclose(getattr(slabs, name), getattr(whole, name))


def test_a_group_counts_as_one() -> None:
    found = statistics_of_map(MAP, 3, NM)
    merged = found.of_row(ClassMap.fresh(3).merge([1, 3]), 3)
    assert (merged.voxels, merged.sections) == (6, 2)
    assert [i for i, _ in merged.neighbours] == [2]
    assert merged.neighbours[0][1] == pytest.approx(1)
    two = found.of_row(ClassMap.fresh(3).merge([1, 3]), 2)
    assert [i for i, _ in two.neighbours] == [1]


def test_of_a_sample_the_volume_of_the_stack_is_estimated() -> None:
    counter = StatisticsCounter(3, (20, 20, 30), NM)
    counter.add(4, MAP)
    found = counter.done()
    one = found.of_row(ClassMap.fresh(3), 1)
    assert one.voxels == round(4 / 11 * 12000)
    assert found.volume_um3((1,)) == one.volume_um3
    assert found.volume_um3((1, 3, 9)) == found.of_row(ClassMap.fresh(3).merge([1, 3]), 1).volume_um3


def test_entropy_is_the_mean_over_the_voxels_that_were_measured() -> None:
    counter = StatisticsCounter(3, (2, 2, 3), NM)
    counter.add(0, MAP, np.array([[1.0, 2, 3], [3, 0, 5]]))
    found = counter.done()
    assert found.of_row(ClassMap.fresh(3), 1).entropy_bits == 2
    assert found.of_row(ClassMap.fresh(3), 2).entropy_bits == 4
    assert found.of_row(ClassMap.fresh(3), 3).entropy_bits is None


def test_a_class_that_never_occurs_is_nothing() -> None:
    row = statistics_of_map(MAP, 4, NM).of_row(ClassMap.fresh(4), 4)
    assert (row.voxels, row.share, row.sections, row.neighbours) == (0, 0.0, 0, ())
