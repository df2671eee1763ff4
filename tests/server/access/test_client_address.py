"""What is said of where a request came from is believed as far as whoever says so is trusted, and no further."""

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from lethe.server.access.client_address import ClientAddresses
from lethe.server.settings.connections import ForwardedHeader, TrustedProxySettings


def found(
    peer: str | None,
    *lines: str,
    header: ForwardedHeader = "x-forwarded-for",
    trusted: str = "10.0.0.0/8,fd00::/8",
) -> str:
    scope = {
        "type": "http",
        "client": (peer, 1) if peer else None,
        "headers": [(header.encode(), line.encode("latin-1")) for line in lines],
    }
    settings = TrustedProxySettings.model_validate({"trusted": trusted, "header": header})
    return ClientAddresses(settings).of(Request(scope))


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.2.3.4, 198.51.100.7, 10.9.9.9"], "198.51.100.7"),
        ("10.0.0.1", ["1.2.3.4", "198.51.100.7", "10.9.9.9"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["198.51.100.7, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7,"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("fd00::1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        (None, ["198.51.100.7"], "unix"),
    ],
)
def test_the_last_that_somebody_trusted_speaks_of(peer: str | None, lines: list[str], address: str) -> None:
    assert found(peer, *lines) == address


def test_a_proxy_at_a_unix_socket_may_be_trusted() -> None:
    assert found(None, "198.51.100.7", trusted="unix") == "198.51.100.7"
    assert found(None, trusted="unix") == "unix"


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ("For=198.51.100.7;proto=https;by=203.0.113.43", "198.51.100.7"),
        ("proto=http ; for=198.51.100.7", "198.51.100.7"),
        ('for="[2001:db8::7]:4711"', "2001:db8::7"),
        ('for="198.51.100.7:_port"', "10.0.0.1"),
        ("for=1.2.3.4, for=198.51.100.7", "198.51.100.7"),
        ('for="1.2.3.4, for=5.6.7.8", for=198.51.100.7', "198.51.100.7"),
        ('by="a\\"b,for=1.2.3.4";for=198.51.100.7', "198.51.100.7"),
        ("for=198.51.100.7, for=10.1.1.1", "198.51.100.7"),
        ("for=198.51.100.7, for=unknown", "10.0.0.1"),
        ("for=198.51.100.7, for=_hidden", "10.0.0.1"),
        ("for=198.51.100.7, proto=https", "10.0.0.1"),
        ('for=198.51.100.7, for="unclosed', "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_the_standards_header_is_read_where_it_is_chosen(line: str, address: str) -> None:
    assert found("10.0.0.1", line, header="forwarded") == address


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_whatever_a_client_writes_it_is_not_believed(text: str) -> None:
    for header in ("x-forwarded-for", "forwarded"):
        own = "for=198.51.100.7" if header == "forwarded" else "198.51.100.7"
        # What it opens with a quote might reach into what the proxy says, and then nothing is known.
        assert found("10.0.0.1", text, own, header=header) in ("198.51.100.7", "10.0.0.1")
        assert found("192.0.2.1", text, header=header) == "192.0.2.1"


@pytest.mark.parametrize("network", ["10.0.0.1/8", "proxy", "300.1.1.1"])
def test_what_is_no_network_is_no_setting(network: str) -> None:
    with pytest.raises(ValueError, match="trusted"):
        TrustedProxySettings.model_validate({"trusted": [network]})
