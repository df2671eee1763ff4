"""From which address a request came: the connection's own, or what proxies that are trusted say of it.

Each proxy adds, at the end, the address that it was asked from. So the list is read from its end, and for as long as
whoever said so is trusted: what stands before that anybody could have written.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from fastapi import Request

from lethe.server.settings.connections import ForwardedHeader, TrustedProxySettings

_Address = IPv4Address | IPv6Address
# An element is pairs with semicolons between them; what ends it is a comma (RFC 7239, 4).
_PAIR = re.compile(r'\s*(?:([\w!#$%&\'*+.^`|~-]+)=("(?:[^"\\]|\\.)*"|[^\s;,"]*))?\s*(?:([;,])|$)')
_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](?::\d+)?|(?P<v4>[\d.]+):\d+")
UNIX = "unix"


class ClientAddresses:
    """Finds where requests come from."""

    def __init__(self, settings: TrustedProxySettings) -> None:
        self._networks = tuple(network for network in settings.trusted if network != UNIX)
        self._trusts_socket = UNIX in settings.trusted
        self._header = settings.header
        self._said = _SAID[settings.header]

    def of(self, request: Request) -> str:
        """The address that a request came from, without a port; ``unix`` for one over a Unix socket."""
        found = _address(request.client.host) if request.client else None
        trusted = self._trusts(found) if found else self._trusts_socket
        if not trusted:
            return str(found or UNIX)
        lines = request.headers.getlist(self._header)
        for said in reversed(list(self._said(",".join(lines)))):
            named = _address(said)
            # One that does not want to be known, or that nobody can read.
            if named is None:
                break
            found = named
            if not self._trusts(found):
                break
        return str(found or UNIX)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def _in_x_forwarded_for(line: str) -> Iterator[str]:
    if line:
        yield from (part.strip() for part in line.split(","))


def _in_forwarded(line: str) -> Iterator[str]:
    place, named = 0, ""
    while place < len(line):
        pair = _PAIR.match(line, place)
        if pair is None:
            # What follows cannot be told apart, and the end is what is believed.
            yield ""
            return
        if pair[1] and pair[1].lower() == "for":
            named = re.sub(r"\\(.)", r"\1", pair[2][1:-1]) if pair[2].startswith('"') else pair[2]
        place = pair.end()
        if pair[3] != ";":
            yield named
            named = ""


_SAID: Mapping[ForwardedHeader, Callable[[str], Iterator[str]]] = {
    "x-forwarded-for": _in_x_forwarded_for,
    "forwarded": _in_forwarded,
}


def _address(said: str) -> _Address | None:
    found = _WITH_PORT.fullmatch(said)
    if found:
        said = found["v6"] or found["v4"]
    try:
        address = ip_address(said)
    except ValueError:
        return None
    # A socket of both kinds shows the older kind's addresses so.
    return getattr(address, "ipv4_mapped", None) or address
