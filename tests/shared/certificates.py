"""Certificates for the moment of a test; on the path of the tests (pyproject.toml)."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Any

import pytest

from napari_em_autoclass.io.cluster import Tls


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
