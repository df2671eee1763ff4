"""Sealed lines: each entry of the audit log carries a keyed digest of itself and of the entry before it.

Whoever lacks the key can neither change an entry nor take one out or put one in without breaking the chain. What
is cut off at the end leaves no trace in the chain itself; keep the last seal elsewhere to see that too.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from lethe.bundle.errors import LetheError

_SEAL_BYTES = 16
_MARK = b',"seal":"'
BEGINNING = "0" * 2 * _SEAL_BYTES


class ChainError(LetheError):
    """The chain is broken; the message says where."""


@dataclass(frozen=True)
class Link:
    """The last entry so far: its number and seal."""

    number: int = 0
    seal: str = BEGINNING


def seal_entry(entry: bytes, last: Link, key: bytes) -> tuple[bytes, Link]:
    """The line of an entry that follows another, with its line break, and the new last link.

    Parameters
    ----------
    entry
        A JSON object that is not empty.
    """
    number = last.number + 1
    body = b'{"number":%d,%b,"previous":"%b"' % (number, entry[1:-1], last.seal.encode())
    seal = _seal(body, key)
    return b"".join((body, _MARK, seal.encode(), b'"}\n')), Link(number, seal)


def read_link(line: bytes) -> Link:
    """The number and seal of a line.

    Raises
    ------
    ChainError
        It is not a line of an audit log.
    """
    try:
        entry = orjson.loads(line)
        return Link(entry["number"], entry["seal"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise ChainError(f"not an entry of an audit log: {line[:80]!r}") from None


def verify_lines(lines: Iterable[bytes], key: bytes, last: Link | None) -> Link:
    """Check lines one after another.

    Parameters
    ----------
    last
        What the first line must follow; None to begin with whatever the first line follows, as where older
        files were rotated away.

    Raises
    ------
    ChainError
        A line was changed, is missing or does not belong here.
    """
    for line in lines:
        body, mark, rest = line.rstrip(b"\n").rpartition(_MARK)
        link = read_link(line)
        if not mark or not hmac.compare_digest(_seal(body, key).encode(), rest[:-2]):
            raise ChainError(
                f"entry {link.number}: its seal does not fit: it was changed, or the key is another"
            )
        previous = orjson.loads(line)["previous"]
        if last is not None and (previous != last.seal or link.number != last.number + 1):
            raise ChainError(f"entry {link.number} does not follow entry {last.number}: entries are missing")
        last = link
    return last or Link()


def _seal(body: bytes, key: bytes) -> str:
    return hashlib.blake2b(body, digest_size=_SEAL_BYTES, key=key, person=b"lethe-audit-seal").hexdigest()
