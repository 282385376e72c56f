"""Each block is given once, a coarse one after all that it shows, whatever is finished before and in which order."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_em_autoclass.core.block_plan import BlockPlan
from napari_em_autoclass.io.block_store import Level, levels_of
from napari_em_autoclass.io.block_tasks import TaskFeed
from napari_em_autoclass.io.ledger import Task

# 3 x 5 x 6 blocks; 257 to 600 pixels make two coarse levels.
LEVELS = levels_of(BlockPlan((40, 600, 700), (16, 128, 128)), (8.0, 8.0, 8.0))
EVERY = {Task(number, index) for number, level in enumerate(LEVELS) for index in range(len(level.plan))}


def children(task: Task, levels: tuple[Level, ...] = LEVELS) -> set[Task]:
    level, finer = levels[task.level], levels[task.level - 1]
    return {Task(task.level - 1, i) for i in level.plan.children(task.index, finer.plan, level.factors)}


def worked_off(
    feed: TaskFeed, window: int = 1, before: Set[Task] = frozenset(), levels: tuple[Level, ...] = LEVELS, seed: int = 0
) -> list[Task]:
    """Return the tasks in the order given, with up to `window` under way that finish in any order."""
    rng = np.random.default_rng(seed)
    given_out, under_way, done = list[Task](), list[Task](), set(before)
    while True:
        while len(under_way) < window and (task := feed.next()) is not None:
            assert task.level == 0 or children(task, levels) <= done
            given_out.append(task)
            under_way.append(task)
        if not under_way:
            return given_out
        finished = under_way.pop(int(rng.integers(len(under_way))))
        done.add(finished)
        feed.finish(finished)


def test_there_are_several_levels() -> None:
    assert len(LEVELS) == 3
    assert [len(level.plan) for level in LEVELS] == [90, 2 * 3 * 3, 1 * 2 * 2]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(0, 1))
def test_every_block_is_given_once_and_after_what_it_shows(seed: int, window: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    before = {task for task in sorted(EVERY, key=str) if rng.random() < share}
    # A coarse block counts only with all that it shows.
    sound = {task for task in before if task.level == 0}
    for number in range(1, len(LEVELS)):
        sound |= {task for task in before if task.level == number and children(task) <= sound}
    feed = TaskFeed(LEVELS, before)
    assert feed.n_left == len(EVERY - sound)
    given_out = worked_off(feed, window, sound, seed=seed)
    assert len(given_out) == len(set(given_out))
    assert set(given_out) == EVERY - sound
    assert (feed.n_left, feed.n_done, feed.next()) == (0, 90, None)


def test_a_coarse_block_comes_before_the_rest_of_level_0() -> None:
    feed = TaskFeed(LEVELS)
    order = worked_off(feed)
    assert order.index(Task(1, 0)) < order.index(Task(0, 89))


def test_tasks_that_are_none_are_left_out() -> None:
    feed = TaskFeed(LEVELS, [Task(9, 0), Task(-1, 0), Task(0, 90), Task(0, -1), Task(0, 3)])
    assert feed.n_left == len(EVERY) - 1


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 300, 2000)])
def test_small_and_flat_volumes_have_a_pyramid_too(shape: tuple[int, int, int]) -> None:
    levels = levels_of(BlockPlan.fit(shape, (512, 512), 2, 16), (50.0, 4.0, 4.0))
    feed = TaskFeed(levels)
    assert len(worked_off(feed, levels=levels)) == sum(len(level.plan) for level in levels)
