"""``predict --scheduler`` with a scheduler and workers that were started by hand, behind TLS."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from certificates import made_certificates
from maps import case_in, levels, save_model, tiny_settings

from napari_em_autoclass.cli.app import main
from napari_em_autoclass.io.cluster import Tls
from napari_em_autoclass.io.stack_file import write_stack

pytestmark = pytest.mark.slow


@pytest.fixture
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return made_certificates(tmp_path_factory.mktemp("tls"), "cluster")


@pytest.fixture
def address(tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a cluster of two workers, each process started as on another machine."""
    told = tmp_path_factory.mktemp("scheduler") / "scheduler.json"
    files = ["--tls-ca-file", str(tls.ca), "--tls-cert", str(tls.cert), "--tls-key", str(tls.key)]
    dask = [sys.executable, "-m", "dask"]
    how = ["--protocol", "tls", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(told)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen([*dask, "scheduler", *how, *files], **quiet)]
    try:
        while not (told.exists() and told.read_text()):
            assert processes[0].poll() is None
            time.sleep(0.05)
        found = str(json.loads(told.read_text())["address"])
        worker = [*dask, "worker", found, "--nthreads", "1", "--no-dashboard", *files]
        processes += [subprocess.Popen(worker, cwd=told.parent, **quiet) for _ in range(2)]
        yield found
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def test_the_map_is_the_same_as_made_here(
    address: str, tls: Tls, start_em_autoclass: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    case = case_in(tmp_path / "run", tiny_settings(), (64, 240, 240))
    stack = write_stack(tmp_path / "stack.ome.zarr", np.asarray(case.volume.data), case.volume.voxel_size_nm)
    run, here, there = save_model(case), tmp_path / "here.ome.zarr", tmp_path / "there.ome.zarr"
    assert main(["predict", str(run), str(stack), "--out", str(here), "--threads", "1", "--probabilities"]) == 0
    assert address.startswith("tls://")
    certificates = ("--tls-ca", tls.ca, "--tls-cert", tls.cert, "--tls-key", tls.key)
    predicting = start_em_autoclass(
        "predict", run, stack, "--out", there, "--probabilities", "--scheduler", address, *certificates
    )
    said, complaint = predicting.communicate()
    assert predicting.returncode == 0, complaint
    assert f"the classes are in {there}" in said
    for name in ("ome.zarr", "probabilities.ome.zarr"):
        for one, other in zip(levels(tmp_path / f"here.{name}"), levels(tmp_path / f"there.{name}"), strict=True):
            np.testing.assert_array_equal(one, other)
    assert not list(tmp_path.glob("*.partial"))
