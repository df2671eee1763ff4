"""Measures how many ordinary requests have a stretch that is called unreadable.

Knows requests and readings; asks no encoder.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from bench.odd_ordinary import odd_texts
from bench.page import table
from bench.traffic_requests import Request, Sources, requests_as_they_are, requests_of_length
from lethe.classifier.deobfuscation import find_readings
from lethe.classifier.spelling import Lexicon
from lethe.offline.metrics.intervals import counted

# Requests by their length in characters.
_REQUESTS = {2_000: 200, 8_000: 120, 32_000: 60, 128_000: 12}
_AS_THEY_ARE = "as they are"


def unreadable_tables(sources: Sources, lexicon: Lexicon) -> str:
    """Tables in Markdown: by length, and by kind of text."""
    by_length: dict[str, list[bool]] = defaultdict(list)
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for length, request in _requests(sources):
        unreadable = _is_unreadable(request, lexicon)
        by_length[length].append(unreadable)
        by_kind[request.kind].append(unreadable)
        if unreadable:
            print(length, request.kind, request.language, flush=True)
    everything = [each for found in by_length.values() for each in found]
    rows = [[length, counted(sum(found), len(found))] for length, found in by_length.items()]
    rows.append(["**all**", counted(sum(everything), len(everything))])
    kinds = [[kind, counted(sum(found), len(found))] for kind, found in by_kind.items()]
    return f"{table(['characters', 'unreadable'], rows)}\n\n{table(['kind of text', 'unreadable'], kinds)}"


def odd_table(lexicon: Lexicon) -> str:
    """A table in Markdown of ordinary text that looks coded, by kind."""
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for kind, text in odd_texts():
        by_kind[kind].append(bool(find_readings(text, lexicon).unreadable))
    everything = [each for found in by_kind.values() for each in found]
    rows = [[kind, counted(sum(found), len(found))] for kind, found in by_kind.items()]
    rows.append(["**all**", counted(sum(everything), len(everything))])
    return table(["kind of text", "unreadable"], rows)


def _requests(sources: Sources) -> Iterator[tuple[str, Request]]:
    yield from ((_AS_THEY_ARE, request) for request in requests_as_they_are(sources))
    for length, count in _REQUESTS.items():
        yield from (
            (f"{length:,}", request) for request in islice(requests_of_length(sources, length), count)
        )


def _is_unreadable(request: Request, lexicon: Lexicon) -> bool:
    texts: Iterable[str] = (message.text for message in request.conversation.messages)
    return any(bool(find_readings(text, lexicon).unreadable) for text in texts if text.strip())
