"""Ways to a cluster: addresses, certificates, processes of our own."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import made_certificates
from distributed import LocalCluster, Security

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.cluster import Tls, available_processors, connected, own_workers


@pytest.fixture(autouse=True)
def _no_failed_clients() -> Iterator[None]:
    """Collect clients that could not connect: they close themselves, which must not fall upon a thread of the next."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return made_certificates(tmp_path_factory.mktemp("tls"), "cluster")


@pytest.fixture(scope="module")
def closed_cluster(tls: Tls) -> Iterator[str]:
    """Give the address of a cluster that talks TLS alone."""
    files = {"tls_ca_file": str(tls.ca), "require_encryption": True}
    for role in ("scheduler", "worker", "client"):
        files |= {f"tls_{role}_cert": str(tls.cert), f"tls_{role}_key": str(tls.key)}
    how: dict[str, Any] = {"protocol": "tls://", "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(
        1, threads_per_worker=1, processes=False, security=Security(**files), silence_logs=50, **how
    ) as c:
        yield c.scheduler_address


def test_with_the_certificates_of_the_cluster_it_answers(tls: Tls, closed_cluster: str) -> None:
    assert closed_cluster.startswith("tls://")
    with connected(closed_cluster, tls) as client:
        assert client.submit(sum, (1, 2)).result() == 3


@pytest.mark.parametrize("whose", ["those of others", "none", "no TLS at all"])
def test_without_certificates_or_with_those_of_others_nobody_gets_in(
    closed_cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    from napari_em_autoclass.io import cluster

    monkeypatch.setattr(cluster, "_PATIENCE", "2 s")
    foreign = made_certificates(tmp_path, "cluster") if whose == "those of others" else Tls()
    address = closed_cluster.replace("tls://", "tcp://") if whose == "no TLS at all" else closed_cluster
    with pytest.raises(InputError, match="no Dask scheduler answers there") as caught, connected(address, foreign):
        pytest.fail("it let us in")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "ftp://127.0.0.1:8786"])
def test_an_address_where_nobody_is_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_em_autoclass.io import cluster

    monkeypatch.setattr(cluster, "_PATIENCE", "1 s")
    with pytest.raises(InputError, match=f"{address}: no Dask scheduler") as caught, connected(address):
        pytest.fail("somebody answered")
    assert "\n" not in str(caught.value)


def test_half_a_set_of_certificates_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.pem").touch()
    with pytest.raises(InputError, match="--tls-key is missing"):
        Tls(tmp_path / "a.pem", tmp_path / "a.pem").security()
    with pytest.raises(InputError, match="no such file"):
        Tls(*(tmp_path / "no.pem" for _ in range(3))).security()
    with (
        pytest.raises(InputError, match="begin with tls://"),
        connected("tcp://127.0.0.1:1", Tls(*[tmp_path / "a.pem"] * 3)),
    ):
        pytest.fail("certificates went unused")
    assert Tls().security() is None


@pytest.mark.slow
def test_own_workers_listen_to_us_alone_with_the_threads_asked_for() -> None:
    # Not how many threads torch has by itself: under load it was seen to begin with one per core. The job sets them.
    def facts() -> tuple[str | None, ...]:
        return tuple(os.environ.get(f"{library}_NUM_THREADS") for library in ("OMP", "MKL", "OPENBLAS"))

    with own_workers(2, 1) as client:
        info = client.scheduler_info(n_workers=-1)
        assert all("127.0.0.1" in address for address in (info["address"], *info["workers"]))
        found = client.run(facts)
        assert len(found) == 2
        assert set(found.values()) == {("1", "1", "1")}
        assert set(client.nthreads().values()) == {1}
        pytest.importorskip("cryptography")
        assert info["address"].startswith("tls://")


@pytest.mark.slow
def test_a_second_cluster_has_threads_of_its_own_and_nothing_stays_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"{library}_NUM_THREADS" for library in ("OMP", "MKL", "OPENBLAS")]
    monkeypatch.setenv(names[0], "7")
    monkeypatch.delenv(names[1], raising=False)
    before = [os.environ.get(name) for name in names]
    for threads in (2, 1):
        with own_workers(1, threads) as client:
            found = client.run(lambda: [os.environ.get(name) for name in names])
        assert list(found.values()) == [[str(threads)] * 3]
        assert [os.environ.get(name) for name in names] == before


def test_some_processor_is_available() -> None:
    assert 1 <= available_processors() <= (os.cpu_count() or 1)
