"""Which origins of ordinary text the tests of unreadable stretches were developed on, and which only measure them."""

import hashlib


def held_out(origin: str) -> bool:
    """Whether the texts of a package, a file or a command only measure."""
    return not hashlib.blake2b(f"unread:{origin}".encode(errors="replace")).digest()[5] % 2
