"""Certificates for tests, made on the spot."""

import datetime
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lethe.server.settings.connections import TlsSettings

WriteCertificate = Callable[[str], TlsSettings]


@pytest.fixture
def write_certificate(tmp_path: Path) -> WriteCertificate:
    """Writes a certificate of its own signature, and its key, for a name."""

    def write(name: str) -> TlsSettings:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        (tmp_path / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (tmp_path / "tls.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return TlsSettings(cert=tmp_path / "tls.crt", key=tmp_path / "tls.key")

    return write


def trusting(settings: TlsSettings) -> ssl.SSLContext:
    """What a client has that trusts a certificate."""
    return ssl.create_default_context(cafile=settings.cert)
