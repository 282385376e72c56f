from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from chunked import CountingStack

from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.regions import UNKNOWN, Region, RegionPool, RegionSource
from napari_em_autoclass.core.tiles import RegionPlan, TileSettings
from napari_em_autoclass.core.volume import Box, Volume
from napari_em_autoclass.core.working import WorkingVolume

DEPTH = 7
SIZES = TileSettings(size_px=32, region_px=32, region_sections=3)
FITTED = Normalisation(centre=128, spread=70, section_centre=(128.0,) * DEPTH, section_spread=(70.0,) * DEPTH)


@pytest.fixture
def working() -> WorkingVolume:
    data = np.random.default_rng(0).integers(0, 256, (DEPTH, 96, 96), dtype=np.uint8)
    return WorkingVolume(Volume(data, (40.0, 8.0, 8.0)), FITTED, (1, 1))


@pytest.fixture
def textons() -> FilterClassifier:
    torch.manual_seed(0)
    made = FilterClassifier((1.0, 2.0), 6)
    made.centres.copy_(0.3 * torch.randn(made.centres.shape))
    return made


@pytest.fixture
def plan(working: WorkingVolume) -> RegionPlan:
    return RegionPlan(working.shape_zyx, SIZES, 1, seed=3)


def boxes(pool: RegionPool, step: int) -> list[Box]:
    return [region.box for region in pool.at(step)]


def test_it_starts_with_few_and_grows_to_its_capacity(
    working: WorkingVolume, plan: RegionPlan, textons: FilterClassifier
) -> None:
    pool = RegionPool([RegionSource(working, plan)], textons, capacity=6)
    held = [boxes(pool, step) for step in range(9)]
    assert [len(found) for found in held] == [2, 2, 3, 3, 4, 4, 5, 5, 6]
    assert held[8] == [plan[index] for index in range(6)]


def test_when_full_the_oldest_make_room_for_new_ones(
    working: WorkingVolume, plan: RegionPlan, textons: FilterClassifier
) -> None:
    pool = RegionPool([RegionSource(working, plan)], textons, capacity=4)
    for step, first in ((4, 0), (13, 0), (14, 1), (24, 2), (54, 5)):
        assert boxes(pool, step) == [plan[first + i] for i in range(4)]


def test_a_small_volume_is_read_once(working: WorkingVolume, textons: FilterClassifier) -> None:
    plan = RegionPlan(working.shape_zyx, SIZES.replace(region_px=96, region_sections=9), 1, seed=3)
    pool = RegionPool([RegionSource(working, plan)], textons, capacity=24)
    assert plan.n_regions == 1
    first = pool.at(0)[0]
    assert len(pool.at(0)) == 1
    assert pool.at(5000)[0] is first


def test_the_step_alone_says_what_is_held(working: WorkingVolume, plan: RegionPlan, textons: FilterClassifier) -> None:
    walked, jumped = (RegionPool([RegionSource(working, plan)], textons, capacity=5) for _ in range(2))
    for step in range(38):
        last = walked.at(step)
    for one, other in zip(last, jumped.at(37), strict=True):
        assert one.box == other.box
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.textons, other.textons)


def test_a_region_holds_the_volume_and_its_textons(
    working: WorkingVolume, plan: RegionPlan, textons: FilterClassifier
) -> None:
    region = RegionPool([RegionSource(working, plan)], textons, capacity=2).at(0)[0]
    box = region.box
    assert region.image.shape == region.textons.shape == box.shape
    assert (region.image.dtype, region.textons.dtype) == (torch.float16, torch.uint8)
    np.testing.assert_allclose(region.image.numpy(), working.read(box), atol=4e-3)
    # Textons are those of the whole section: no border where regions meet.
    section = torch.from_numpy(working.read(Box(box.z0, box.z0 + 1, -16, 112, -16, 112)))[None]
    with torch.no_grad():
        expected = textons(section).argmax(dim=1)[0, 16:-16, 16:-16]
    found = region.textons[0].long()
    agrees = (found == expected[box.y0 : box.y1, box.x0 : box.x1]).float().mean()
    assert agrees > 0.999
    assert len(found.unique()) > 2


def pool_of(data: np.ndarray | CountingStack, textons: FilterClassifier, **kwargs: int) -> RegionPool:
    view = WorkingVolume(Volume(data, (40.0, 8.0, 8.0), "mine"), FITTED, (1, 1))
    plan = RegionPlan(view.shape_zyx, SIZES, 1, seed=3)
    return RegionPool([RegionSource(view, plan, (1,))], textons, 6, **kwargs)


def test_what_cannot_be_read_is_left_out_and_said_once(textons: FilterClassifier) -> None:
    stack = CountingStack((DEPTH, 96, 96), (7, 32, 32))
    whole = pool_of(stack, textons).at(8)
    stack.bad = {(0, 0, 0)}
    pool = pool_of(stack, textons)
    found = pool.at(8)
    assert 0 < len(found) < len(whole)
    left = [region.box for region in found]
    assert left == [region.box for region in whole if region.box in left]  # in the same order
    assert all(torch.equal(one.image, next(r.image for r in whole if r.box == one.box)) for one in found)
    (notice,) = pool.take_notices()
    assert notice.startswith("A part of the stack is left out of the training: mine: can't read sections")
    pool.at(30)
    assert pool.take_notices() == []


def test_parts_of_one_value_or_nan_are_left_out_and_said_once(textons: FilterClassifier) -> None:
    data = np.random.default_rng(0).normal(128, 50, (DEPTH, 96, 96)).astype(np.float32)
    data[:, :60, :60] = 0
    data[3, 90, 90] = np.nan
    pool = pool_of(data, textons)
    boxes = {region.box for step in range(0, 200, 10) for region in pool.at(step)}
    assert len(boxes) > 4
    assert not any(box.y0 == box.x0 == 0 for box in boxes)
    assert not any(box.y1 == box.x1 == 96 and box.z0 <= 3 < box.z1 for box in boxes)
    blank, nan = sorted(pool.take_notices(), key=lambda notice: "NaN" in notice)
    assert "mine: parts of one grey value" in blank
    assert "NaN" in nan


def test_where_much_is_left_out_more_is_looked_at(textons: FilterClassifier) -> None:
    data = np.zeros((DEPTH, 96, 96), np.uint8)
    data[:, 64:, 64:] = np.random.default_rng(0).integers(0, 256, (DEPTH, 32, 32))
    assert len(pool_of(data, textons).at(0)) >= 1


def test_where_nothing_can_be_learned_from_it_says_why(textons: FilterClassifier) -> None:
    stack = CountingStack((DEPTH, 96, 96), (7, 96, 96), bad=((0, 0, 0),))
    with pytest.raises(InputError, match=r"nothing to learn from in \d+ places.*damaged"):
        pool_of(stack, textons).at(0)
    with pytest.raises(InputError, match=r"nothing to learn from.*one grey value"):
        pool_of(np.zeros((DEPTH, 96, 96), np.uint8), textons).at(0)


def test_memory_bounds_the_regions(textons: FilterClassifier) -> None:
    data = CountingStack((DEPTH, 960, 960), (7, 64, 64))
    view = WorkingVolume(Volume(data, (40.0, 8.0, 8.0)), FITTED, (1, 1))
    plan = RegionPlan(view.shape_zyx, SIZES.replace(region_px=96), 1, seed=3)
    region_bytes = 5 * 96 * 96 * 3
    pool = RegionPool([RegionSource(view, plan)], textons, 24, memory_mb=1)
    assert len(pool.at(100)) == int(0.6e6 / region_bytes) == 4


def test_regions_of_several_volumes_take_turns(textons: FilterClassifier) -> None:
    sources = []
    for seed, shape in enumerate(((DEPTH, 160, 160), (DEPTH, 64, 64))):
        data = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
        view = WorkingVolume(Volume(data, (40.0, 8.0, 8.0), f"v{seed}"), FITTED, (1, 1))
        sources.append(RegionSource(view, RegionPlan(shape, SIZES, 1, seed=3), (1 + seed,)))
    walked, jumped = (RegionPool(sources, textons, 8) for _ in range(2))
    for step in range(61):
        found = walked.at(step)
    assert {(region.source, region.offsets) for region in found} == {(0, (1,)), (1, (2,))}
    for region, other in zip(found, jumped.at(60), strict=True):
        assert (region.source, region.box) == (other.source, other.box)
        expected = sources[region.source].working.read(region.box)
        np.testing.assert_allclose(region.image.numpy(), expected, atol=4e-3)


def shifted_region() -> Region:
    """Give three sections of which the second lies two rows further down and three columns to the left."""
    image = torch.arange(3 * 40 * 40, dtype=torch.float32).reshape(3, 40, 40).half()
    labels = torch.arange(3 * 40 * 40).remainder(200).reshape(3, 40, 40).to(torch.uint8)
    return Region(Box(0, 3, 0, 40, 0, 40), image, labels, torch.tensor([[0, 0], [2, -3], [2, -3]]))


def test_tiles_of_shifted_sections_are_cut_where_their_content_lies() -> None:
    region = shifted_region()
    found = region.sections((0, 8, 10), 16, (0, 1))
    assert found.shape == (2, 1, 16, 16)
    assert found.dtype == torch.float32
    assert torch.equal(found[0, 0], region.image[0, 8:24, 10:26].float())
    assert torch.equal(found[1, 0], region.image[1, 10:26, 7:23].float())
    back = region.labels(region.textons, (1, 8, 10), 16, -1)
    assert torch.equal(back, region.textons[0, 6:22, 13:29].long())


def test_beyond_the_region_labels_are_unknown_and_images_repeat_their_edge() -> None:
    region = shifted_region()
    labels = region.labels(region.textons, (0, 24, 0), 16, 1)
    assert (labels[-2:] == UNKNOWN).all()
    assert (labels[:, :3] == UNKNOWN).all()
    assert (labels[:-2, 3:] != UNKNOWN).all()
    image = region.sections((0, 24, 0), 16, (1,))[0, 0]
    assert torch.equal(image[-1], image[-3])
    assert torch.equal(image[:, 0], image[:, 3])


def test_values_are_brought_above_a_section() -> None:
    region = shifted_region()
    values = region.image[1:2].float()
    found = region.above(values, 0, 1)
    assert torch.equal(found[0, :38, 3:], values[0, 2:, :37])
    assert region.above(values, 1, 0) is values


def test_a_section_is_shown_between_those_around_it() -> None:
    region = shifted_region()
    found = region.sections((1, 8, 10), 16, (0, -1), context=1)
    assert found.shape == (2, 3, 16, 16)
    assert torch.equal(found[:, 1:2], region.sections((1, 8, 10), 16, (0, -1)))
    # Around a section the others are seen as they lie, at its own pixels.
    assert torch.equal(found[0], region.image[:3, 8:24, 10:26].float())
    assert torch.equal(found[1, 2], region.image[1, 6:22, 13:29].float())
    assert torch.equal(found[1, 0], found[1, 1])  # there is none below the first


def test_sections_at_the_ends_of_a_region_stand_for_those_that_are_missing() -> None:
    image = shifted_region().image
    whole = shifted_region().with_context(1, 1)
    assert torch.equal(whole, image)
    assert torch.equal(shifted_region().with_context(0, 1), image[[0, 0, 1]])
    assert torch.equal(shifted_region().with_context(2, 2), image[[0, 1, 2, 2, 2]])
    assert torch.equal(shifted_region().with_context(2, 0), image[2:])


def test_a_section_left_out_is_not_known_and_the_nearest_stands_in_for_it(
    working: WorkingVolume, textons: FilterClassifier
) -> None:
    hurt = replace(working, left_out=frozenset({3}))
    plan = RegionPlan(working.shape_zyx, SIZES.replace(region_px=96, region_sections=9), 1, seed=3)
    region, sound = (RegionPool([RegionSource(w, plan)], textons, capacity=1).at(0)[0] for w in (hurt, working))
    assert region.left_out == {3}
    assert torch.equal(region.image[3], sound.image[2])
    others = [z for z in range(DEPTH) if z != 3]
    assert torch.equal(region.image[others], sound.image[others])
    assert (region.labels(region.textons, (2, 0, 0), 32, 1) == UNKNOWN).all()
    assert (region.labels(region.textons, (2, 0, 0), 32, -1) != UNKNOWN).all()
