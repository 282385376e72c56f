from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.tiles import RegionPlan, TileSettings, neighbour_offsets, sample_places
from napari_em_autoclass.core.volume import Box

SETTINGS = TileSettings(size_px=32, region_px=48, region_sections=4)


def regions(plan: RegionPlan, n: int | None = None) -> list[Box]:
    return [plan[index] for index in range(plan.n_regions if n is None else n)]


@pytest.mark.parametrize(
    ("gap_nm", "offsets"), [(50, (1,)), (40, (1,)), (30, (1, 2)), (15, (1, 3)), (10, (2, 4)), (5, (4, 9)), (100, (1,))]
)
def test_offsets_come_nearest_to_the_distances(gap_nm: float, offsets: tuple[int, ...]) -> None:
    assert neighbour_offsets((20.0, 45.0), gap_nm, 100) == offsets


@pytest.mark.parametrize(("n_sections", "offsets"), [(3, (1,)), (15, (1,)), (16, (4,)), (35, (4,)), (36, (4, 9))])
def test_offsets_leave_half_of_the_sections_in_the_middle(n_sections: int, offsets: tuple[int, ...]) -> None:
    assert neighbour_offsets((20.0, 45.0), 5.0, n_sections) == offsets


def test_without_distances_the_next_section_is_foretold() -> None:
    assert neighbour_offsets((), 10.0, 10) == (1,)


@pytest.mark.parametrize("n_sections", [1, 2])
def test_too_few_sections_are_refused(n_sections: int) -> None:
    with pytest.raises(InputError, match="at least 3"):
        neighbour_offsets((20.0,), 10.0, n_sections)


@given(
    depth=st.integers(3, 30),
    sides=st.tuples(st.integers(32, 150), st.integers(32, 150)),
    margin=st.integers(0, 5),
    region=st.tuples(st.sampled_from([32, 48, 64]), st.integers(1, 9)),
)
def test_regions_cover_every_pixel_that_can_be_learned_from(depth, sides, margin, region) -> None:
    margin = min(margin, (depth - 1) // 2)
    settings = TileSettings(size_px=32, region_px=region[0], region_sections=region[1])
    shape = (depth, *sides)
    plan = RegionPlan(shape, settings, margin, seed=0)
    covered = np.zeros(shape, bool)
    for box in regions(plan):
        assert box == box.clipped(shape)
        assert min(box.shape[1:]) >= settings.size_px
        assert box.shape[0] <= settings.region_sections + 2 * margin
        covered[box.z0 + margin : box.z1 - margin, box.y0 : box.y1, box.x0 : box.x1] = True
    assert covered[margin : depth - margin].all()
    assert not covered[:margin].any()


def test_each_region_comes_once_before_any_comes_again() -> None:
    plan = RegionPlan((20, 150, 100), SETTINGS, margin=2, seed=0)
    first = regions(plan)
    assert plan.n_regions == len(set(first)) > 10
    assert [plan[plan.n_regions + index] for index in range(plan.n_regions)] == first


def test_the_seed_alone_decides_the_order() -> None:
    shape = (20, 150, 100)
    first = regions(RegionPlan(shape, SETTINGS, 2, seed=0))
    assert regions(RegionPlan(shape, SETTINGS, 2, seed=0)) == first
    other = regions(RegionPlan(shape, SETTINGS, 2, seed=1))
    assert other != first
    assert set(other) == set(first)


def test_a_huge_volume_is_drawn_from_at_random_without_a_list_of_its_regions() -> None:
    plan = RegionPlan((5000, 50_000, 50_000), SETTINGS, margin=1, seed=0)
    assert plan.n_regions > 100_000
    drawn = regions(plan, 50)
    assert len(set(drawn)) > 45
    assert regions(RegionPlan((5000, 50_000, 50_000), SETTINGS, margin=1, seed=0), 50) == drawn
    assert all(box == box.clipped((5000, 50_000, 50_000)) for box in drawn)
    assert max(box.z0 for box in drawn) > 3000
    assert max(box.x0 for box in drawn) > 30_000


@pytest.mark.parametrize("shape", [(10, 31, 100), (10, 100, 31), (10, 8, 8)])
def test_a_tile_larger_than_the_section_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match=rf"tile 32x32 is larger than the section {shape[1]}x{shape[2]}.*smaller"):
        RegionPlan(shape, SETTINGS, margin=1, seed=0)


def test_a_section_of_exactly_one_tile_is_one_region() -> None:
    plan = RegionPlan((5, 32, 32), SETTINGS, margin=1, seed=0)
    assert set(islice(map(plan.__getitem__, range(9)), 9)) == {Box(0, 5, 0, 32, 0, 32)}


def test_regions_are_never_smaller_than_a_tile() -> None:
    settings = TileSettings(size_px=64, region_px=32)
    assert regions(RegionPlan((5, 100, 100), settings, 1, 0))[0].shape[1:] == (64, 64)


box_lists = st.lists(
    st.builds(
        lambda z, y, x, d, h, w: Box(z, z + d, y, y + h, x, x + w),
        *[st.integers(0, 50)] * 3,
        st.integers(5, 12),
        *[st.integers(32, 80)] * 2,
    ),
    min_size=1,
    max_size=4,
)


@given(boxes=box_lists, n=st.integers(0, 20), margin=st.integers(0, 2), seed=st.integers(0, 99))
def test_tiles_lie_inside_their_region_with_neighbours_on_both_sides(boxes, n: int, margin: int, seed: int) -> None:
    places = sample_places(boxes, n, SETTINGS, margin, np.random.default_rng(seed))
    assert len(places) == n
    for region, (z, y, x) in places:
        depth, height, width = boxes[region].shape
        assert margin <= z < depth - margin
        assert 0 <= y <= height - 32
        assert 0 <= x <= width - 32


def test_tiles_of_one_step_come_from_as_many_regions_as_there_are(rng) -> None:
    boxes = [Box(0, 5, 0, 64, 64 * i, 64 * (i + 1)) for i in range(4)]
    used = [region for region, _ in sample_places(boxes, 6, SETTINGS, 1, rng)]
    assert set(used[:4]) == {0, 1, 2, 3}


def test_tiles_are_drawn_from_everywhere_in_a_region(rng) -> None:
    places = [place for _, place in sample_places([Box(0, 7, 0, 40, 0, 36)], 2000, SETTINGS, 2, rng)]
    for axis, values in enumerate([range(2, 5), range(9), range(5)]):
        assert {place[axis] for place in places} == set(values)


def test_the_generator_decides_the_tiles() -> None:
    boxes = [Box(0, 7, 0, 64, 0, 64)] * 3

    def draw(seed: int) -> list[object]:
        return list(sample_places(boxes, 8, SETTINGS, 1, np.random.default_rng(seed)))

    assert draw(0) == draw(0)
    assert draw(0) != draw(1)


@pytest.mark.parametrize(("field", "value"), [("size_px", 16), ("size_px", 40), ("region_px", 0), ("n_regions", 0)])
def test_impossible_sizes_are_refused(field: str, value: int) -> None:
    with pytest.raises(InputError, match=field):
        SETTINGS.replace(**{field: value})


def test_no_tile_has_a_section_that_is_left_out_in_its_middle(rng) -> None:
    left_out = frozenset({3, 4, 9})
    boxes = [Box(0, 7, 0, 40, 0, 40), Box(5, 12, 0, 40, 0, 40)]
    places = sample_places(boxes, 400, SETTINGS, 1, rng, left_out=left_out)
    middles = {boxes[region].z0 + z for region, (z, _, _) in places}
    assert middles == {1, 2, 5, 6, 7, 8, 10}


def test_regions_without_a_section_to_learn_from_are_not_read() -> None:
    plan = RegionPlan((22, 64, 64), SETTINGS, margin=1, seed=0, left_out=frozenset(range(1, 7)))
    assert all(set(range(box.z0 + 1, box.z1 - 1)) - set(range(1, 7)) for box in regions(plan))
    with pytest.raises(InputError, match="too many sections are left out"):
        RegionPlan((5, 64, 64), SETTINGS, margin=1, seed=0, left_out=frozenset({1, 2, 3}))
