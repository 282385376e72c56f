from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.cli.elsewhere import followed, leading, place_of
from napari_em_autoclass.cli.options import StackRequest
from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.place import HERE, Place
from napari_em_autoclass.core.run_settings import RunSettings


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ((None, False, False), HERE),
        ((None, True, False), Place("own process")),
        (("tcp://box:8786", False, False), Place("cluster", "tcp://box:8786")),
        (("tcp://box:8786", False, True), Place("cluster", "tcp://box:8786", keeps_going=True)),
    ],
)
def test_the_options_name_a_place(options: tuple[str | None, bool, bool], place: Place) -> None:
    assert place_of(*options) == place


@pytest.mark.parametrize(
    ("options", "complaint"),
    [(("tcp://box:8786", True, False), "not both"), ((None, False, True), "needs --scheduler")],
)
def test_options_that_contradict_each_other_are_refused(options: tuple[str | None, bool, bool], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        place_of(*options)


def test_without_torchrun_nobody_is_followed_or_led(fast_settings: RunSettings) -> None:
    assert not followed(StackRequest("no such file"))
    with leading(fast_settings):
        pass


def test_a_scheduler_that_does_not_answer_is_one_line(
    em_autoclass: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_em_autoclass.core.elsewhere import cluster

    monkeypatch.setattr(cluster, "_CONNECT_S", 0.2)
    ended = em_autoclass("attach", "tcp://127.0.0.1:9")
    assert ended.code == 2
    assert ended.err.startswith("em-autoclass: no Dask scheduler can be reached at tcp://127.0.0.1:9")


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """Give the address of a scheduler whose worker is a process of its own: another machine, as far as can be."""
    from distributed import LocalCluster

    options = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": None}
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=True, **options) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
def test_a_run_on_a_cluster_is_the_run_here_and_can_be_left_and_followed_again(
    em_autoclass: Callable[..., Any], stack: Path, tiny: tuple[str, ...], scheduler: str, tmp_path: Path
) -> None:
    here, there, left = tmp_path / "here", tmp_path / "there", tmp_path / "left"
    assert em_autoclass("train", stack, "--out", here, "--steps", "4", *tiny).code == 0
    assert em_autoclass("train", stack, "--out", there, "--steps", "4", "--scheduler", scheduler, *tiny).code == 0
    (ours, _), (theirs, _) = (RunFolder.open(run).load_weights() for run in (here, there))
    assert all(ours[name].equal(theirs[name]) for name in ours)

    words = ("train", str(stack), "--out", str(left), "--steps", "1000000", "--scheduler", scheduler, "--keep-going")
    command = [sys.executable, "-m", "napari_em_autoclass", *words, "--json", *tiny]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "StepDone":
            process.send_signal(signal.SIGINT)
            break
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "goes on there" in said

    (row,) = [json.loads(line) for line in em_autoclass("attach", scheduler, "--json").out.splitlines()]
    assert (row["state"], row["run_dir"], row["keeps_going"]) == ("learning", str(left), True)
    assert em_autoclass("attach", scheduler, "nonsense").code == 2
    ended = em_autoclass("attach", scheduler, row["run_id"][:6], "--stop", "--json")
    assert ended.code == 0
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert (events[0]["event"], events[-1]["event"], events[-1]["reason"]) == ("RunStarted", "RunEnded", "stopped")
    assert RunFolder.open(left).load_weights()[1].step >= row["step"]
    assert em_autoclass("attach", scheduler).out.strip() == f"no training at {scheduler}"
