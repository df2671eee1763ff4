import contextlib
import re
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from lethe.server.errors import OperatorError
from lethe.server.listening import Certificate, listening, shown_address
from lethe.server.settings.connections import TlsSettings
from lethe.server.settings.settings import Settings
from tests.server.certificates import WriteCertificate, write_certificate

__all__ = ["write_certificate"]


def shown_name(certificate: Certificate) -> str:
    """The common name of what a client is shown."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = certificate.context.wrap_bio(incoming, outgoing, server_side=True)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    client = trusting.wrap_bio(outgoing, incoming)
    for side in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    shown = client.getpeercert(binary_form=True)
    assert shown is not None
    (name,) = x509.load_der_x509_certificate(shown).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value)


def test_a_renewed_certificate_is_shown_once_it_is_loaded(write_certificate: WriteCertificate) -> None:
    certificate = Certificate(write_certificate("old"))
    write_certificate("new")
    assert shown_name(certificate) == "old"
    certificate.load()
    assert shown_name(certificate) == "new"


def test_what_does_not_belong_together_leaves_what_was_shown(write_certificate: WriteCertificate) -> None:
    settings = write_certificate("old")
    certificate = Certificate(settings)
    assert settings.key is not None
    old_key = settings.key.read_bytes()
    write_certificate("new")
    settings.key.write_bytes(old_key)
    with pytest.raises(OperatorError, match=r"tls: .*tls\.crt and .*tls\.key cannot be used"):
        certificate.load()
    assert shown_name(certificate) == "old"


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"nowhere\.crt cannot be used: No such file"):
        Certificate(TlsSettings(cert=tmp_path / "nowhere.crt"))


def test_a_key_without_its_certificate_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="key needs cert"):
        TlsSettings(key=tmp_path / "tls.key")


def test_a_socket_that_was_left_behind_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "lethe.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    settings = Settings(unix_socket=path)
    with listening(settings) as listener:
        listener.listen()
        with pytest.raises(OperatorError, match="is in use"), listening(settings):
            pass
        assert path.exists()
    assert not path.exists()


def test_a_file_is_not_replaced_by_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(OperatorError, match="is not a socket"), listening(Settings(unix_socket=path)):
        pass
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "http://127.0.0.1:8000/v1"),
        ({"host": "::1"}, "http://[::1]:8000/v1"),
        ({"tls": {"cert": "tls.pem"}}, "https://127.0.0.1:8000/v1"),
        ({"unix_socket": "/run/lethe.sock"}, "http+unix:/run/lethe.sock:/v1"),
    ],
)
def test_the_address_says_how_to_come(settings: dict[str, object], address: str) -> None:
    assert shown_address(Settings.model_validate(settings)) == address


@pytest.mark.parametrize(
    ("host", "reached_at"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("localhost", ["127.0.0.1"]),
        ("::1", ["::1"]),
        ("::", ["::1", "127.0.0.1"]),
    ],
)
def test_it_listens_at_addresses_of_both_kinds(host: str, reached_at: list[str]) -> None:
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::", 0))
        port = free.getsockname()[1]
    with listening(Settings(host=host, port=port)) as listener:
        listener.listen()
        for address in reached_at:
            socket.create_connection((address, port)).close()


@pytest.mark.parametrize(
    ("host", "shown"), [("no.such.invalid", "no.such.invalid"), ("fe80::9", "[fe80::9]")]
)
def test_an_address_that_is_not_this_machines_is_named(host: str, shown: str) -> None:
    with (
        pytest.raises(OperatorError, match=f"cannot listen on {re.escape(shown)}:8000"),
        listening(Settings(host=host)),
    ):
        pass
