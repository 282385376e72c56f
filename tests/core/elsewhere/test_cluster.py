from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from runs import curves, played

from napari_em_autoclass.core.checkpoint import RunFolder
from napari_em_autoclass.core.elsewhere import Cluster, Order, RemoteTrainer, WorkerLost, connect, own_process
from napari_em_autoclass.core.elsewhere import cluster as module
from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.core.events import CheckpointSaved, StepDone
from napari_em_autoclass.core.run_settings import RunSettings
from napari_em_autoclass.core.trainer import Trainer
from napari_em_autoclass.core.volume import Volume
from napari_em_autoclass.io.reference import ByValue


def fails() -> None:
    raise ZeroDivisionError("there")


def test_a_worker_answers_and_its_error_keeps_its_type(connected: Callable[[], Cluster]) -> None:
    cluster = connected()
    worker, resources = cluster.choose_worker("cpu")
    assert cluster.ask(worker, os.getpid) == os.getpid()  # this one is a thread
    assert resources == {}
    with pytest.raises(ZeroDivisionError, match="there"):
        cluster.ask(worker, fails)


def test_a_worker_that_is_not_there_is_missed_at_once(connected: Callable[[], Cluster]) -> None:
    with pytest.raises(WorkerLost, match="gone"):
        connected().ask("inproc://nobody/1/1", os.getpid)


def test_an_address_where_nobody_answers_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONNECT_S", 0.2)
    with pytest.raises(InputError, match=r"no Dask scheduler can be reached at tcp://127\.0\.0\.1:9"):
        connect("tcp://127.0.0.1:9")


def test_tls_without_certificates_is_said_in_one_line() -> None:
    with pytest.raises(InputError, match="certificates"):
        connect("tls://127.0.0.1:9")


def test_a_scheduler_behind_tls_takes_those_who_have_a_certificate_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("cryptography")
    import dask
    from distributed import LocalCluster, Security

    def known(security: Security) -> Any:
        """Give the certificates as a user's file of Dask's configuration does."""
        under = "distributed.comm.tls."
        client = {f"{under}client.cert": security.tls_client_cert, f"{under}client.key": security.tls_client_key}
        return dask.config.set({f"{under}ca-file": security.tls_ca_file, **client})

    security = Security.temporary()
    options: dict[str, Any] = {"n_workers": 1, "processes": False, "protocol": "tls://", "security": security}
    with LocalCluster(**options, dashboard_address="127.0.0.1:0", worker_dashboard_address=None) as there:
        with known(security):
            cluster = connect(there.scheduler_address)
            assert cluster.ask(cluster.choose_worker("cpu")[0], os.getpid) == os.getpid()
            cluster.close()
        monkeypatch.setattr(module, "_CONNECT_S", 1.0)
        with known(Security.temporary()), pytest.raises(InputError, match="certificates"):
            connect(there.scheduler_address)
        with pytest.raises(InputError, match="certificates"):
            connect(there.scheduler_address.replace("tls://", "tcp://"))


def test_a_worker_of_another_version_is_refused(
    connected: Callable[[], Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = connected()
    monkeypatch.setattr(Cluster, "ask", lambda *_: "0.0.1")
    with pytest.raises(InputError, match=r"has napari-em-autoclass 0\.0\.1"):
        cluster.choose_worker("cpu")


def test_a_worker_without_the_package_is_refused(
    connected: Callable[[], Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise Exception("ModuleNotFoundError(\"No module named 'napari_em_autoclass'\")")  # as Dask sends it

    cluster = connected()
    monkeypatch.setattr(Cluster, "ask", missing)
    with pytest.raises(InputError, match="has no napari-em-autoclass"):
        cluster.choose_worker("cpu")


def test_a_worker_that_lends_a_gpu_is_preferred_unless_the_processor_is_asked_for(
    connected: Callable[[], Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = connected()
    workers = {"tcp://plain": {"resources": {}}, "tcp://gpu": {"resources": {"GPU": 2}}}
    monkeypatch.setattr(cluster.client, "scheduler_info", lambda n_workers: {"workers": workers})
    monkeypatch.setattr(cluster.client, "processing", lambda: {"tcp://gpu": ("a task",)})
    monkeypatch.setattr(Cluster, "_refuse_other_versions", lambda *_: None)
    assert cluster.choose_worker("auto") == ("tcp://gpu", {"GPU": 1})
    assert cluster.choose_worker("cpu") == ("tcp://plain", {})


def test_a_cluster_without_workers_is_said(connected: Callable[[], Cluster], monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = connected()
    monkeypatch.setattr(cluster.client, "scheduler_info", lambda n_workers: {"workers": {}})
    with pytest.raises(InputError, match="no workers"):
        cluster.choose_worker("cpu")


@pytest.mark.slow
def test_a_process_of_our_own_learns_the_same_bit_for_bit(
    make_order: Callable[..., Order],
    value: Callable[[], ByValue],
    stack: Volume,
    fast_settings: RunSettings,
    tmp_path: Path,
) -> None:
    one_thread = fast_settings.replace(training=fast_settings.training.replace(threads=1))
    played(Trainer(stack, one_thread, run_dir=tmp_path / "here"))
    own = own_process()
    assert own.client.scheduler_info()["address"].startswith("tls://127.0.0.1:")  # nobody else can reach it
    trainer = RemoteTrainer(own, make_order(one_thread), value)
    played(trainer)
    assert curves(trainer.run_dir) == curves(tmp_path / "here")
    (ours, _), (theirs, _) = (RunFolder.open(run).load_weights() for run in (tmp_path / "here", trainer.run_dir))
    assert all(ours[name].equal(theirs[name]) for name in ours)


@pytest.mark.slow
def test_a_process_that_is_killed_is_noticed_within_seconds_and_the_run_goes_on_from_its_checkpoint(
    make_order: Callable[..., Order], value: Callable[[], ByValue], stack: Volume, fast_settings: RunSettings
) -> None:
    endless = fast_settings.replace(
        training=fast_settings.training.replace(steps=1_000_000, checkpoint_every_s=0.01, threads=1)
    )
    cluster = own_process()
    victim = cluster.ask(cluster.choose_worker("cpu")[0], os.getpid)
    assert victim != os.getpid()
    trainer = RemoteTrainer(cluster, make_order(endless), value)
    killed_at, saved = 0.0, 0
    with pytest.raises(WorkerLost, match=r"what was learned up to step \d+ is in"):
        for event in trainer.events():
            saved = event.step if isinstance(event, CheckpointSaved) else saved
            if isinstance(event, StepDone) and saved > 5 and not killed_at:
                os.kill(victim, signal.SIGKILL)
                killed_at = time.monotonic()
    assert killed_at
    at = RunFolder.open(trainer.run_dir).load_weights()[1].step
    assert at >= saved
    more = endless.replace(training=endless.training.replace(steps=at + 2))
    steps = [
        event.step
        for event in played(Trainer(stack, more, run_dir=trainer.run_dir, resume=True))
        if isinstance(event, StepDone)
    ]
    assert steps == [at + 1, at + 2]
