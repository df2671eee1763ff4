"""The one stream that a client sees, whichever of two answers its events are from, and whoever ends it."""

from collections.abc import Iterable
from typing import Any

from lethe.server.endpoints.answer_form import END_OF_EVENT, AnswerForm, with_identity
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.request.events import Event

_HEAD = ("id", "object", "created", "model")
_NOTHING_USED = {"prompt_tokens": 0, "total_tokens": 0, "completion_tokens": 0}


class SeamlessStream:
    """Writes the events of a stream.

    Parameters
    ----------
    form
        How its answers are read and ended.
    refusal
        What the client is told in the place of an answer.

    Attributes
    ----------
    shown
        The choices of which so much was passed on that no other answer can go on from there.
    closed
        The choices that were ended here.
    """

    def __init__(self, request: GuardedRequest, form: AnswerForm, refusal: str) -> None:
        self._request = request
        self._form = form
        self._refusal = refusal
        self._strips_usage = request.wants_usage and not request.wants_usage_throughout
        self._first: dict[str, Any] | None = None
        self._is_again = False
        self._opened: set[int] = set()
        self._opened_before: frozenset[int] = frozenset()
        self._ended: set[int] = set()
        self._used: dict[int, int] = {}
        self._usage: dict[str, Any] = _NOTHING_USED
        self._passed = form.passed()
        self.shown: set[int] = set()
        self.closed: set[int] = set()

    @property
    def is_over(self) -> bool:
        """Whether some choice was ended here, and every other has ended too."""
        return bool(self.closed) and len(self.closed | self._ended) >= self._request.choices

    def begin_again(self) -> None:
        """What comes now is from another answer, and goes on where nothing but the beginnings were passed on."""
        self._is_again = True
        self._opened_before = frozenset(self._opened)

    def meet(self, event: Event) -> None:
        """An event has come; the first of all gives the stream its identity."""
        self._first = self._first or event.document

    def written(self, events: Iterable[Event]) -> bytes:
        """Events as the client gets them."""
        return b"".join(map(self._written, events))

    def close(self, choices: Iterable[int]) -> None:
        """Pass no more on of some choices."""
        self.closed.update(choices)

    def endings(self, choices: Iterable[int]) -> bytes:
        """The end of closed choices: a refusal, or no more of what was begun."""
        return b"".join(map(self._ending, choices))

    def _ending(self, choice: int) -> bytes:
        first = self._first or {}
        if choice in self.shown:
            events = self._passed.cut_off(first, choice)
        else:
            self._used[choice] = 0
            has_begun = choice in self._opened
            events = self._form.refused(first, choice, self._refusal, has_begun=has_begun)
        if self._request.wants_usage_throughout:
            usage = self._usage_of(self._used.get(choice, 0))
            events = [event | {"usage": usage} for event in events]
        return b"".join(map(self._form.event, events))

    def last(self) -> bytes:
        """What follows the end of all choices."""
        if not self._form.ends_with_done:
            return b""
        usage = b""
        if self._request.wants_usage:
            identity = {name: value for name, value in (self._first or {}).items() if name in _HEAD}
            usage = self._form.event(
                identity | {"choices": [], "usage": self._usage_of(sum(self._used.values()))}
            )
        return usage + b"data: [DONE]" + END_OF_EVENT

    def _written(self, event: Event) -> bytes:
        document = event.document
        # What ends the stream is written here then.
        if self.is_over and not event.reading.choices:
            return b""
        if document is None:
            return event.raw + END_OF_EVENT
        opened = set(event.reading.opened)
        hidden = self.closed - opened | self._opened_before & opened
        usage = document.get("usage")
        if isinstance(usage, dict):
            self._note_usage(event.reading.choices, usage)
        self._opened.update(opened)
        self.shown.update(choice for choice in event.reading.bound if choice not in hidden)
        self._ended.update(event.reading.ended)
        if not hidden:
            self._passed.note(document)
        raw = event.raw + END_OF_EVENT
        if hidden or (self._strips_usage and usage):
            left = self._form.without(document, hidden)
            if left is None:
                return b""
            raw = event.carrying(self._with_own_usage(left))
        return with_identity(raw, document, self._first or {}) if self._is_again else raw

    def _with_own_usage(self, document: dict[str, Any]) -> dict[str, Any]:
        if "usage" not in document:
            return document
        if not document.get("choices"):
            return document | {"usage": self._usage_of(sum(self._used.values()))} if self.closed else document
        if not self._strips_usage:
            return document
        return {name: value for name, value in document.items() if name != "usage"}

    def _note_usage(self, choices: Iterable[int], usage: dict[str, Any]) -> None:
        self._usage = usage
        tokens = usage.get("completion_tokens")
        for choice in choices:
            if choice not in self.closed and isinstance(tokens, int):
                self._used[choice] = tokens

    def _usage_of(self, tokens: int) -> dict[str, Any]:
        prompt = self._usage.get("prompt_tokens", 0)
        return {**self._usage, "completion_tokens": tokens, "total_tokens": prompt + tokens}
