"""Ways to a cluster: addresses, certificates, processes of our own."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster, Security

from napari_em_autoclass.core.errors import InputError
from napari_em_autoclass.io.cluster import Tls, available_processors, connected, own_workers


def made_certificates(folder: Path, common_name: str) -> Tls:
    """Make an authority and a certificate that it signed, for 127.0.0.1."""
    x509 = pytest.importorskip("cryptography.x509", reason="certificates for the test are made with cryptography")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def named(name: str) -> Any:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    def signed(subject: str, key: Any, is_authority: bool) -> Any:
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named("authority"))
        made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return made.add_extension(x509.SubjectAlternativeName([address]), critical=False).sign(root, hashes.SHA256())

    root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = serialization.Encoding.PEM
    files = Tls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    assert files.ca
    assert files.cert
    assert files.key
    files.ca.write_bytes(signed("authority", root, True).public_bytes(pem))
    files.cert.write_bytes(signed(common_name, key, False).public_bytes(pem))
    plain = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.key.write_bytes(key.private_bytes(*plain))
    return files


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


def test_without_certificates_or_with_those_of_others_nobody_gets_in(
    closed_cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_em_autoclass.io import cluster

    monkeypatch.setattr(cluster, "_PATIENCE", "2 s")
    for foreign, address in (
        (made_certificates(tmp_path, "cluster"), closed_cluster),
        (Tls(), closed_cluster),
        (Tls(), closed_cluster.replace("tls://", "tcp://")),
    ):
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
    def facts() -> tuple[int, str | None]:
        import torch

        return torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")

    with own_workers(2, 1) as client:
        info = client.scheduler_info(n_workers=-1)
        assert all("127.0.0.1" in address for address in (info["address"], *info["workers"]))
        found = client.run(facts)
        assert len(found) == 2
        assert set(found.values()) == {(1, "1")}
        assert set(client.nthreads().values()) == {1}
        pytest.importorskip("cryptography")
        assert info["address"].startswith("tls://")


def test_some_processor_is_available() -> None:
    assert 1 <= available_processors() <= (os.cpu_count() or 1)
