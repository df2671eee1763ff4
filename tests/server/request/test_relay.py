"""However an engine cuts its stream into pieces, and wherever it breaks off, the client can read what it gets."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lethe.server.engines.http_connection import BrokenOff
from lethe.server.error_forms import OPENAI_ERRORS
from lethe.server.request.relay import StreamedResponse, StreamEnd

EVENTS = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",))), max_size=5).map(
    lambda texts: b"".join(b"data: " + json.dumps({"text": text}).encode() + b"\n\n" for text in texts)
)


class EngineResponse:
    """An engine's answer whose pieces are known."""

    def __init__(self, pieces: Sequence[bytes], end: StreamEnd) -> None:
        self.status = 200
        self.headers = {"content-type": "text/event-stream"}
        self.closed = 0
        self._pieces = pieces
        self._end = end

    async def pieces(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._end is StreamEnd.ENGINE_FAILED:
            raise BrokenOff(reused=False)
        if self._end is StreamEnd.PROXY_STOPPED:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.Event().wait()

    def close(self) -> None:
        self.closed += 1


def relayed(pieces: Sequence[bytes], end: StreamEnd = StreamEnd.COMPLETE) -> tuple[bytes, list[StreamEnd]]:
    """What the client gets, and how that ended."""
    sent = [piece for piece in pieces if piece]
    upstream = EngineResponse(sent, end)
    ends: list[StreamEnd] = []
    messages: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        messages.append(message)

    def ended(end: StreamEnd, last: bytes) -> None:
        ends.append(end)
        assert last == b"".join(sent[-4:])

    async def main() -> None:
        await StreamedResponse(upstream, 60, OPENAI_ERRORS, ended)({"type": "http"}, receive, send)

    asyncio.run(main())
    assert upstream.closed == 1
    assert [message["more_body"] for message in messages[1:]] == [True] * (len(messages) - 2) + [False]
    return b"".join(message["body"] for message in messages[1:]), ends


def cut(stream: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


def events(stream: bytes) -> list[bytes]:
    """What a reader of server-sent events takes from a stream: what a blank line ends."""
    found, lines = [], []
    for line in stream.split(b"\n"):
        if line:
            lines.append(line)
        elif lines:
            found.append(b"\n".join(lines))
            lines = []
    return found


@settings(max_examples=50)
@given(EVENTS, st.lists(st.integers(0, 200), max_size=6))
def test_every_byte_passes_unchanged(stream: bytes, places: list[int]) -> None:
    assert relayed(cut(stream, places)) == (stream, [StreamEnd.COMPLETE])


@settings(max_examples=50)
@given(
    EVENTS,
    st.integers(0, 200),
    st.lists(st.integers(0, 200), max_size=3),
    st.sampled_from([StreamEnd.ENGINE_FAILED, StreamEnd.PROXY_STOPPED]),
)
def test_a_stream_that_breaks_off_anywhere_ends_in_an_error_that_can_be_read(
    stream: bytes, length: int, places: list[int], end: StreamEnd
) -> None:
    sent = stream[:length]
    received, ends = relayed(cut(sent, places), end)
    assert ends == [end]
    read, whole = events(received), events(sent)
    assert read[: len(whole)] == whole
    assert json.loads(read[-1].removeprefix(b"data: "))["error"]["type"] == "server_error"
