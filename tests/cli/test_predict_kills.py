"""Processes that are killed in the middle of a prediction, and the same command given again."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from maps import case_in, levels, save_model, tiny_settings

from napari_em_autoclass.cli.app import main
from napari_em_autoclass.io.ledger import LEDGER_NAME, read_ledger
from napari_em_autoclass.io.partial_output import partial_path
from napari_em_autoclass.io.stack_file import write_stack

pytestmark = pytest.mark.slow
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def run_and_stack(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give a run, and a stack of 12 blocks."""
    folder = tmp_path_factory.mktemp("kills")
    case = case_in(folder / "run", tiny_settings(), (192, 240, 240))
    write_stack(folder / "stack.ome.zarr", np.asarray(case.volume.data), case.volume.voxel_size_nm)
    return save_model(case), folder / "stack.ome.zarr"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, run_and_stack: tuple[Path, Path]) -> list[np.ndarray]:
    out = tmp_path_factory.mktemp("undisturbed") / "c.ome.zarr"
    assert main(["predict", *map(str, run_and_stack), "--out", str(out), "--threads", "1"]) == 0
    return levels(out)


def n_finished(out: Path) -> int:
    ledgers = list(partial_path(out).glob(f"*/{LEDGER_NAME}")) if partial_path(out).exists() else []
    return sum(1 for ledger in ledgers for _ in read_ledger(ledger))


def wait_until_finished(n_blocks: int, out: Path, process: subprocess.Popen[str]) -> None:
    while n_finished(out) < n_blocks:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def assert_same(out: Path, undisturbed: list[np.ndarray]) -> None:
    found = levels(out)
    assert len(found) == len(undisturbed)
    for one, other in zip(found, undisturbed, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [path.name for path in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize(
    ("crew", "kills"), [(("--threads", 1), (2, 5)), (("--workers", 2, "--threads-per-worker", 1), (3,))]
)
def test_a_killed_driver_loses_only_what_was_under_way(
    start_em_autoclass: Start,
    run_and_stack: tuple[Path, Path],
    undisturbed: list[np.ndarray],
    tmp_path: Path,
    crew: tuple[object, ...],
    kills: tuple[int, ...],
) -> None:
    out = tmp_path / "c.ome.zarr"
    command = ("predict", *run_and_stack, "--out", out, *crew)
    for n_blocks in kills:
        process = start_em_autoclass(*command)
        wait_until_finished(n_blocks, out, process)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        psutil.wait_procs(workers, timeout=60)
        assert not out.exists()
        assert n_finished(out) >= n_blocks
    process = start_em_autoclass(*command)
    said, complaint = process.communicate()
    assert process.returncode == 0, complaint
    assert "going on:" in said
    assert_same(out, undisturbed)


def test_a_killed_worker_is_replaced_and_its_block_made_again(
    start_em_autoclass: Start, run_and_stack: tuple[Path, Path], undisturbed: list[np.ndarray], tmp_path: Path
) -> None:
    out = tmp_path / "c.ome.zarr"
    process = start_em_autoclass("predict", *run_and_stack, "--out", out, "--workers", 2, "--threads-per-worker", 1)
    for n_blocks in (1, 4):
        wait_until_finished(n_blocks, out, process)
        workers = [
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if "spawn_main" in " ".join(child.cmdline())
        ]
        workers[-1].kill()
    _, complaint = process.communicate()
    assert process.returncode == 0, complaint
    assert_same(out, undisturbed)


@pytest.mark.parametrize("crew", [("--threads", 1), ("--workers", 1)])
def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(
    start_em_autoclass: Start,
    run_and_stack: tuple[Path, Path],
    undisturbed: list[np.ndarray],
    tmp_path: Path,
    crew: tuple[object, ...],
) -> None:
    out = tmp_path / "c.ome.zarr"
    command = ("predict", *run_and_stack, "--out", out, *crew)
    process = start_em_autoclass(*command)
    wait_until_finished(2, out, process)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate()
    assert process.returncode == 130
    assert complaint.count("\n") == 1, complaint
    assert f"blocks are kept in {partial_path(out)}, the same command goes on from there" in complaint
    process = start_em_autoclass(*command)
    _, complaint = process.communicate()
    assert process.returncode == 0, complaint
    assert_same(out, undisturbed)
