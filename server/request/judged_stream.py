"""A stream that is judged on its way: what is passed on has been judged, and what waits is bounded.

Events are read, judged and passed on one after the other in one task, so that a client that reads slowly slows the
engine down, and one that leaves ends everything.
"""

from collections.abc import AsyncIterator, Iterable, Mapping

from lethe.server.engines.answer import EngineAnswer
from lethe.server.errors import EngineFailed
from lethe.server.guard.answers import MADE_ANEW
from lethe.server.guard.decision import Decision, Outcome
from lethe.server.guard.policy import strongest
from lethe.server.request.answer_judge import AnswerJudge
from lethe.server.request.blocked import blocked
from lethe.server.request.events import Event, Events
from lethe.server.request.seamless import SeamlessStream
from lethe.server.request.waiting import Waiting
from lethe.server.settings.reading import AnswerSettings

_LEFT_ALONE = (Outcome.PASS, Outcome.OBSERVE)


class JudgedStream:
    """Takes the place of an engine's answer.

    Parameters
    ----------
    upstream
        The engine's answer, its head already read.
    refusal
        What the client is told in the place of an answer.

    Attributes
    ----------
    status, headers
        Of the engine's answer.
    """

    def __init__(
        self, upstream: EngineAnswer, judge: AnswerJudge, settings: AnswerSettings, refusal: str
    ) -> None:
        self.status = upstream.status
        self.headers: Mapping[str, str] = upstream.headers
        self._upstream = upstream
        self._judge = judge
        self._events = Events(upstream.pieces(), judge.form)
        self._waiting = Waiting(settings)
        self._stream = SeamlessStream(judge.request, judge.form, refusal)

    async def pieces(self) -> AsyncIterator[bytes]:
        """What the client gets.

        Raises
        ------
        BrokenOff, TimeoutError
            The engine broke off.
        APIError
            What it sends cannot be read or judged, or it cannot be asked anew.
        """
        while True:
            events = await self._events.next(self._waiting.seconds_left)
            self._take(events or ())
            if events is None or self._waiting.is_due():
                judged = self._events
                ready = await self._look()
                if self._stream.is_over:
                    # The engine may still be at it, and the client slow.
                    self._upstream.close()
                    yield ready + self._stream.last()
                    return
                if ready:
                    yield ready
                if events is None and self._events is judged:
                    return

    def close(self) -> None:
        """Let go of the engine's answer."""
        self._upstream.close()
        self._clear()

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            self._stream.meet(event)
            closed, shown = self._stream.closed, event.reading.shown
            self._judge.read([each for each in shown if each.choice not in closed] if closed else shown)
            self._judge.record.held(event.reading.tokens)
            self._waiting.add(event)

    async def _look(self) -> bytes:
        decisions = await self._judge.look(self._waiting.ended)
        hits = {
            choice: decision
            for choice, decision in decisions.items()
            if decision.outcome not in _LEFT_ALONE and choice not in self._stream.closed
        }
        worst = strongest(hits.values())
        if worst is not None and worst.outcome is Outcome.BLOCK:
            raise blocked(worst)
        anew = strongest(each for each in hits.values() if each.outcome in MADE_ANEW)
        if anew is not None and not self._stream.shown:
            await self._make_anew(anew)
            return b""
        if decisions:
            self._waiting.looked()
        return self._released(hits)

    async def _make_anew(self, decision: Decision) -> None:
        # This is what makes the engine stop.
        self._upstream.close()
        tokens = self._waiting.tokens
        self._clear()
        self._waiting.begin_again()
        self._upstream = await self._judge.make_anew(decision, tokens)
        if not self._upstream.is_stream:
            raise EngineFailed("The engine answered without a stream.")
        self._events = Events(self._upstream.pieces(), self._judge.form)
        self._stream.begin_again()

    def _released(self, hits: Mapping[int, Decision]) -> bytes:
        if self._waiting.tokens:
            self._judge.record.released(self._waiting.seconds)
        self._stream.close(hits)
        ready = self._stream.written(self._waiting.events) + self._stream.endings(hits)
        self._clear()
        return ready

    def _clear(self) -> None:
        self._judge.record.held(-self._waiting.tokens)
        self._waiting.clear()


class ObservedStream:
    """Takes the place of an engine's answer that is passed on as it comes, and looked at when it has been said.

    Parameters
    ----------
    upstream
        The engine's answer, its head already read.

    Attributes
    ----------
    status, headers
        Of the engine's answer.
    """

    def __init__(self, upstream: EngineAnswer, judge: AnswerJudge) -> None:
        self.status = upstream.status
        self.headers: Mapping[str, str] = upstream.headers
        self._upstream = upstream
        self._judge = judge

    async def pieces(self) -> AsyncIterator[bytes]:
        """The pieces of the engine's answer; see `EngineAnswer.pieces` for errors."""
        passed: list[bytes] = []
        upstream = self._upstream.pieces()

        async def passing() -> AsyncIterator[bytes]:
            async for piece in upstream:
                passed.append(piece)
                yield piece

        events = Events(passing(), self._judge.form)
        while True:
            try:
                read = await events.next(None)
            except EngineFailed:
                break
            if read is None:
                return
            for event in read:
                self._judge.read(event.reading.shown)
            if ended := {choice for event in read for choice in event.reading.ended}:
                await self._judge.look(ended)
            yield b"".join(passed)
            passed.clear()
        yield b"".join(passed)
        async for piece in upstream:
            yield piece

    def close(self) -> None:
        """Let go of the engine's answer."""
        self._upstream.close()
