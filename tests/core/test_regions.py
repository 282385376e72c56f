from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_em_autoclass.core.classifier import FilterClassifier
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.regions import UNKNOWN, Region, RegionPool
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
    pool = RegionPool(working, plan, textons, capacity=6)
    held = [boxes(pool, step) for step in range(9)]
    assert [len(found) for found in held] == [2, 2, 3, 3, 4, 4, 5, 5, 6]
    assert held[8] == [plan[index] for index in range(6)]


def test_when_full_the_oldest_make_room_for_new_ones(
    working: WorkingVolume, plan: RegionPlan, textons: FilterClassifier
) -> None:
    pool = RegionPool(working, plan, textons, capacity=4)
    for step, first in ((4, 0), (13, 0), (14, 1), (24, 2), (54, 5)):
        assert boxes(pool, step) == [plan[first + i] for i in range(4)]


def test_a_small_volume_is_read_once(working: WorkingVolume, textons: FilterClassifier) -> None:
    plan = RegionPlan(working.shape_zyx, SIZES.replace(region_px=96, region_sections=9), 1, seed=3)
    pool = RegionPool(working, plan, textons, capacity=24)
    assert plan.n_regions == 1
    first = pool.at(0)[0]
    assert len(pool.at(0)) == 1
    assert pool.at(5000)[0] is first


def test_the_step_alone_says_what_is_held(working: WorkingVolume, plan: RegionPlan, textons: FilterClassifier) -> None:
    walked, jumped = (RegionPool(working, plan, textons, capacity=5) for _ in range(2))
    for step in range(38):
        last = walked.at(step)
    for one, other in zip(last, jumped.at(37), strict=True):
        assert one.box == other.box
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.textons, other.textons)


def test_a_region_holds_the_volume_and_its_textons(
    working: WorkingVolume, plan: RegionPlan, textons: FilterClassifier
) -> None:
    region = RegionPool(working, plan, textons, capacity=2).at(0)[0]
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
    region, sound = (RegionPool(w, plan, textons, capacity=1).at(0)[0] for w in (hurt, working))
    assert region.left_out == {3}
    assert torch.equal(region.image[3], sound.image[2])
    others = [z for z in range(DEPTH) if z != 3]
    assert torch.equal(region.image[others], sound.image[others])
    assert (region.labels(region.textons, (2, 0, 0), 32, 1) == UNKNOWN).all()
    assert (region.labels(region.textons, (2, 0, 0), 32, -1) != UNKNOWN).all()
