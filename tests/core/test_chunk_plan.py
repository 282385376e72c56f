from __future__ import annotations

import numpy as np
import pytest
from chunked import CountingStack

from napari_em_autoclass.core.chunk_plan import PlanSizes, plan_regions
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.read_ahead import ReadAhead
from napari_em_autoclass.core.tiles import RegionPlan, TileSettings
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.core.working import WorkingVolume

MARGIN, HALO = 11, 26  # of the default settings at 8 nm
SIZES = PlanSizes(TileSettings(), MARGIN, HALO)


def working(
    shape: tuple[int, int, int], chunks: tuple[int, int, int], factor: int = 1, left_out: frozenset[int] = frozenset()
) -> WorkingVolume:
    fitted = Normalisation(centre=125, spread=70, section_centre=(125.0,) * shape[0], section_spread=(70.0,) * shape[0])
    return WorkingVolume(Volume(CountingStack(shape, chunks), (8.0, 8.0, 8.0)), fitted, (factor, factor), left_out)


@pytest.mark.parametrize("chunk", [32, 64, 128])
@pytest.mark.parametrize("factor", [1, 2])
def test_a_region_costs_about_the_bytes_it_holds(chunk: int, factor: int) -> None:
    view = working((1024, 4096, 4096), (chunk,) * 3, factor)
    plan = plan_regions(view, SIZES, 0, 10**8)
    n = 2 * len(plan.together(0))
    ahead, held = ReadAhead(view, plan, HALO, 10**8), 0
    for index in range(n):
        box = plan[index]
        held += int(np.prod(box.shape)) * factor**2
        ahead.at(index)
    ahead.close()
    assert view.volume.data.bytes_read <= 1.5 * held * (n + len(plan.together(0))) / n


def test_storage_is_read_about_once_in_a_pass() -> None:
    view = working((256, 700, 960), (64, 64, 64))
    plan = plan_regions(view, SIZES, 0, 10**6)
    for index in range(0, plan.n_regions, len(plan.together(0))):
        for box in {view.stored(plan[i], HALO) for i in plan.together(index)}:
            assert box == box.clipped((256, 700, 960))
    ahead = ReadAhead(view, plan, HALO, 10**8)
    for index in range(plan.n_regions):
        ahead.at(index)
    ahead.close()
    times = view.volume.data.times_read
    # The last block along an axis reaches back to whole blocks, and the next pass was begun.
    assert np.mean(list(times.values())) < 1.3
    assert len(times) >= 4 * 11 * 15


@pytest.mark.parametrize("chunks", [(64, 64, 64), (128, 128, 128), (1, 2048, 2048), (512, 512, 512), (7, 100, 90)])
@pytest.mark.parametrize("factor", [1, 3])
def test_regions_lie_inside_and_can_hold_tiles(chunks: tuple[int, int, int], factor: int) -> None:
    view = working((300, 3000, 2900), chunks, factor)
    plan = plan_regions(view, SIZES, 3, 10**6)
    found = [plan[index] for index in range(min(plan.n_regions, 200))]
    assert {box.shape[0] for box in found} == {found[0].shape[0]}
    for box in found:
        assert box == box.clipped(view.shape_zyx)
        assert box.shape[0] > 2 * MARGIN
        assert min(box.shape[1:]) >= SIZES.tiles.size_px
    assert len(set(found)) > 0.8 * len(found)
    assert found == [plan_regions(view, SIZES, 3, 10**6)[index] for index in range(len(found))]
    assert found != [plan_regions(view, SIZES, 4, 10**6)[index] for index in range(len(found))]


def test_of_a_huge_chunk_some_regions_are_learned_from_at_a_time() -> None:
    plan = plan_regions(working((1000, 5000, 5000), (1, 5000, 5000)), SIZES, 0, 10**8)
    assert len(plan.together(3)) == 6
    boxes = [plan[i] for i in plan.together(0)]
    assert len({(box.z0, box.z1) for box in boxes}) == 1
    assert len(set(boxes)) == 6


def test_a_small_or_mapped_volume_is_laid_out_evenly() -> None:
    view = working((100, 512, 512), (64, 64, 64))
    even = RegionPlan(view.shape_zyx, SIZES.tiles, MARGIN, 5)
    assert [plan_regions(view, SIZES, 5, 10**8)[i] for i in range(8)] == [even[i] for i in range(8)]
    mapped = WorkingVolume(Volume(np.zeros((100, 512, 512), np.uint8), (8, 8, 8)), view.normalisation, (1, 1))
    assert isinstance(plan_regions(mapped, SIZES, 5, 10**3), RegionPlan)


def test_regions_without_a_section_to_learn_from_are_not_read() -> None:
    damaged = frozenset(range(64, 128))
    view = working((256, 600, 600), (64, 64, 64), left_out=damaged)
    plan = plan_regions(view, SIZES, 0, 10**6)
    for index in range(plan.n_regions):
        box = plan[index]
        assert set(range(box.z0 + MARGIN, box.z1 - MARGIN)) - damaged
    with pytest.raises(InputError, match="left out"):
        plan_regions(working((64, 600, 600), (64,) * 3, left_out=frozenset(range(64))), SIZES, 0, 10**6)


def test_a_huge_volume_needs_no_list_of_its_blocks() -> None:
    plan = plan_regions(working((20_000, 60_000, 60_000), (64, 64, 64)), SIZES, 0, 10**8)
    drawn = [plan[index] for index in range(60)]
    assert plan.n_regions > 100_000
    assert len({box.y0 for box in drawn}) > 20
    assert max(box.x0 for box in drawn) > 40_000
