from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from chunked import CountingStack

from napari_em_autoclass.core.chunk_plan import PlanSizes, plan_regions
from napari_em_autoclass.core.normalise import Normalisation
from napari_em_autoclass.core.read_ahead import ReadAhead
from napari_em_autoclass.core.tiles import TileSettings
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.core.working import WorkingVolume

SHAPE = (64, 256, 256)
SIZES = PlanSizes(TileSettings(size_px=32, region_px=48, region_sections=4), 2, 4)


def working(data: Any) -> WorkingVolume:
    fitted = Normalisation(centre=125, spread=70, section_centre=(125.0,) * 64, section_spread=(70.0,) * 64)
    return WorkingVolume(Volume(data, (8.0, 8.0, 8.0)), fitted, (1, 1))


def opened(data: Any, most_bytes: int = 10**6) -> tuple[ReadAhead, WorkingVolume, Any]:
    view = working(data)
    plan = plan_regions(view, SIZES, 0, 10**5)
    return ReadAhead(view, plan, SIZES.halo, most_bytes), view, plan


def test_the_next_regions_are_read_while_nobody_asks() -> None:
    stack = CountingStack(SHAPE, (16, 32, 32))
    ahead, _, plan = opened(stack)
    first = ahead.at(0)
    ahead.close()  # what was begun is read to its end
    read = stack.bytes_read
    for index in plan.together(0):
        first.read(plan[index])
    assert stack.bytes_read == read
    n_first = np.prod(first.volume.data.held[0][1].shape)
    assert read > n_first


def test_a_region_is_the_same_read_ahead_or_at_once_and_in_any_order() -> None:
    ahead, view, plan = opened(CountingStack(SHAPE, (16, 32, 32)))
    for index in (0, 1, 2, 3, 17, 4, 0):
        np.testing.assert_array_equal(ahead.at(index).read(plan[index]), view.read(plan[index]))


def test_a_volume_that_fits_is_read_once() -> None:
    stack = CountingStack(SHAPE, (16, 32, 32))
    ahead, _, plan = opened(stack, most_bytes=10**7)
    for index in range(50):
        ahead.at(index).read(plan[index])
    assert set(stack.times_read.values()) == {1}
    assert len(stack.times_read) == 4 * 8 * 8


def test_what_cannot_be_read_ahead_is_asked_for_again_by_whoever_wants_it() -> None:
    stack = CountingStack(SHAPE, (16, 32, 32))
    ahead, view, plan = opened(stack)
    wanted = view.stored(plan[0], SIZES.halo)
    stack.bad = {(wanted.z0 // 16, wanted.y0 // 32, wanted.x0 // 32)}
    assert ahead.at(0).volume is view.volume


def test_a_stack_in_memory_is_left_alone() -> None:
    before = threading.active_count()
    view = working(np.zeros(SHAPE, np.uint8))
    assert ReadAhead(view, plan_regions(view, SIZES, 0, 10**5), 4, 10**6).at(5) is view
    assert threading.active_count() == before


def test_the_thread_ends_with_the_object() -> None:
    ahead, _, _ = opened(CountingStack(SHAPE, (16, 32, 32)))
    ahead.at(0)
    names = [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]
    del ahead
    for thread in names:
        thread.join(20)
    assert not any(thread.is_alive() for thread in names)


def test_one_block_and_the_next_are_held_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, _, plan = opened(CountingStack(SHAPE, (16, 32, 32)))
    kept = []
    for index in range(0, 12):
        kept.append(ahead.at(index).volume.data)
    distinct = {id(data) for data in kept}
    assert len(distinct) == len({plan.together(index).start for index in range(12)})
