from __future__ import annotations

import copy
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from shared_step import images, network, step, work
from torch import nn

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.ranks import ALONE, Ranks, SyncedBatchNorm, join, present_ranks


def test_alone_nothing_changes() -> None:
    assert join() == present_ranks() == ALONE
    body = network()
    ALONE.synced(body)
    assert not any(isinstance(module, SyncedBatchNorm) for module in body)
    assert ALONE.gathered(body, images(2)).equal(body(images(2)))
    assert ALONE.from_leader("word") == "word"
    ALONE.require(1)


def test_shares_cover_all_items_once() -> None:
    for size in (1, 2, 3, 4):
        for n in range(size, 9):
            shares = [list(range(n))[Ranks(rank, size).share(n)] for rank in range(size)]
            assert [i for share in shares for i in share] == list(range(n))
            assert all(shares)


def test_fewer_tiles_than_processes_are_refused() -> None:
    Ranks(0, 2).require(2)
    with pytest.raises(InputError, match=r"1 tiles at a time, fewer than the 2 processes; raise"):
        Ranks(0, 2).require(1)


def test_batch_norm_of_one_process_is_torchs_own() -> None:
    """The arithmetic; that of several is in the test below."""
    plain = nn.BatchNorm2d(4, momentum=0.2)
    synced = SyncedBatchNorm.like(copy.deepcopy(plain))
    synced.load_state_dict(plain.state_dict())
    assert synced.eval()(torch.ones(2, 4, 5, 5)).equal(plain.eval()(torch.ones(2, 4, 5, 5)))
    assert list(synced.state_dict()) == list(plain.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("n", [4, 5])
def test_loss_gradients_and_statistics_of_two_processes_are_those_of_one(tmp_path: Path, n: int) -> None:
    alone = step(ALONE, n)
    spawn = multiprocessing.get_context("spawn")
    started = [spawn.Process(target=work, args=(rank, 2, str(tmp_path), n)) for rank in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join()
        assert process.exitcode == 0
    for rank in range(2):
        with np.load(tmp_path / f"{rank}.npz") as found:
            for i, ours in enumerate(alone):
                np.testing.assert_allclose(found[f"arr_{i}"], ours, rtol=2e-4, atol=1e-5)
            assert found["agreed"].tolist() == [0.0, 0.0, 0.0]
            assert str(found["word"]) == "('step', 7)"
