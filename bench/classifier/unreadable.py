"""Measures how many ordinary requests have a stretch that is called unreadable.

Knows requests and readings; asks no encoder.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from bench.classifier.command_outputs import files, outputs
from bench.classifier.odd_ordinary import odd_texts
from bench.page import table
from bench.traffic.requests import Request, Sources, requests_as_they_are, requests_of_length
from lethe.classifier.disguises.deobfuscation import find_readings
from lethe.classifier.disguises.spelling import Lexicon
from lethe.offline.metrics.intervals import counted

# Requests by their length in characters.
_REQUESTS = {200: 700, 600: 420, 2_000: 280, 8_000: 140, 32_000: 40}
# Stretches of files of each kind by their length, and how many at most; of what commands print, a dozen of each that is so long.
_FILES = {200: 200, 2_000: 120, 8_000: 60}
_OUTPUTS = (200, 2_000)
_AS_THEY_ARE = "as they are"
# Whether something is unreadable, and whether it is with `odd_stretches`.
_Found = tuple[bool, bool]


def unreadable_tables(sources: Sources, lexicon: Lexicon) -> str:
    """Tables in Markdown: by length, and by kind of text."""
    by_length: dict[str, list[_Found]] = defaultdict(list)
    by_kind: dict[str, list[_Found]] = defaultdict(list)
    for length, request in _requests(sources):
        found = _found([message.text for message in request.conversation.messages], lexicon)
        by_length[length].append(found)
        by_kind[request.kind].append(found)
        if any(found):
            print(length, request.kind, request.language, found, flush=True)
    return (
        f"{_counts('characters', by_length, total=True)}\n\n{_counts('kind of text', by_kind, total=False)}"
    )


def more_table(lexicon: Lexicon, folders: Sequence[Path]) -> str:
    """A table in Markdown of what agents read on a machine, by kind: files of kinds that services see less, and what commands print."""
    by_kind: dict[str, list[_Found]] = defaultdict(list)
    for kind, text in _more_texts(folders):
        by_kind[kind].append(_found([text], lexicon))
    return _counts("kind of text", by_kind, total=True)


def odd_table(lexicon: Lexicon) -> str:
    """A table in Markdown of ordinary text that looks coded, by kind."""
    by_kind: dict[str, list[_Found]] = defaultdict(list)
    for kind, text in odd_texts():
        by_kind[kind].append(_found([text], lexicon))
    return _counts("kind of text", by_kind, total=True)


def _counts(of: str, found: Mapping[str, Sequence[_Found]], *, total: bool) -> str:
    rows = [(name, each) for name, each in found.items()]
    if total:
        rows.append(("**all**", [each for several in found.values() for each in several]))
    header = [of, "unreadable", "with `odd_stretches`"]
    return table(
        header,
        [
            [name, *(counted(sum(column), len(column)) for column in zip(*each, strict=True))]
            for name, each in rows
        ],
    )


def _requests(sources: Sources) -> Iterator[tuple[str, Request]]:
    yield from ((_AS_THEY_ARE, request) for request in requests_as_they_are(sources))
    for length, count in _REQUESTS.items():
        yield from (
            (f"{length:,}", request) for request in islice(requests_of_length(sources, length), count)
        )


def _more_texts(folders: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for length, count in _FILES.items():
        by_kind: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for kind, text in files(length, folders):
            by_kind[kind].append((kind, text))
        for kind, found in sorted(by_kind.items()):
            yield from random.Random(f"{length}:{kind}").sample(found, min(count, len(found)))
    for length in _OUTPUTS:
        yield from outputs(length)


def _found(texts: Sequence[str], lexicon: Lexicon) -> _Found:
    plain, odd = (
        any(find_readings(text, lexicon, odd_stretches=odd).unreadable for text in texts if text.strip())
        for odd in (False, True)
    )
    return plain, odd
