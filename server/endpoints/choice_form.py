"""Answers in choices, as chats and completions have them.

Log probabilities show more than what is said: the tokens that were not taken, and, of a prompt, what the model would
have said in its place. The likeliest tokens of all places are read as one text, so are the second ones, and so on.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from lethe.server.endpoints.answer_form import (
    PROMPT,
    SAID,
    STOPPED_AT,
    AnswerForm,
    AnswerReading,
    Passed,
    Shown,
    shown_ids,
    shown_token,
    texts_of,
    token_text,
)
from lethe.server.endpoints.refusal import FINISH_REASON, Choices, choice_of


class ChoiceForm(AnswerForm):
    """Reads choices, and ends them.

    Parameters
    ----------
    choices
        How the endpoint gives them.
    piece
        What a choice of a stream says, from its text.
    """

    def __init__(self, choices: Choices, piece: Callable[[str], dict[str, Any]]) -> None:
        self._choices = choices
        self._piece = piece

    def read(self, document: Mapping[str, Any]) -> AnswerReading:
        """See `AnswerForm.read`. Of a chat, what says the role alone begins a choice."""
        shown: list[Shown] = []
        choices: list[int] = []
        opened: list[int] = []
        bound: list[int] = []
        ended: list[int] = []
        tokens = 0
        for choice in _dicts(document.get("choices")):
            index = _index(choice)
            of_choice = _shown(choice, index)
            choices.append(index)
            if choice.get("finish_reason") is not None:
                ended.append(index)
            if of_choice:
                shown += of_choice
                bound.append(index)
                tokens += _tokens(choice, of_choice)
            elif index not in ended and "role" in (choice.get("delta") or ()):
                opened.append(index)
        if "prompt_logprobs" in document:
            shown += _of_prompt(0, document["prompt_logprobs"])
        return AnswerReading(shown, choices, opened, bound, ended, tokens)

    def without(self, event: dict[str, Any], choices: Collection[int]) -> dict[str, Any] | None:
        """See `AnswerForm.without`."""
        given = _dicts(event.get("choices"))
        left = [choice for choice in given if _index(choice) not in choices]
        return event | {"choices": left} if left or not given else None

    def refused(
        self, first: Mapping[str, Any], choice: int, text: str, *, has_begun: bool
    ) -> list[dict[str, Any]]:
        """See `AnswerForm.refused`."""
        said = self._piece(text) if has_begun else self._choices.chunks(text)[0]
        return [self._event(first, choice, None, said), *self.cut_off(first, choice)]

    def passed(self) -> Passed:
        """See `AnswerForm.passed`: the end of a choice does not depend on what was."""
        return self

    def note(self, event: Mapping[str, Any]) -> None:
        """See `Passed.note`."""

    def cut_off(self, first: Mapping[str, Any], choice: int) -> list[dict[str, Any]]:
        """See `Passed.cut_off`."""
        return [self._event(first, choice, FINISH_REASON, self._choices.chunks("")[-1])]

    def _event(
        self, first: Mapping[str, Any], choice: int, finish_reason: str | None, said: dict[str, Any]
    ) -> dict[str, Any]:
        identity = {name: first[name] for name in ("id", "created", "model") if name in first}
        return identity | {
            "object": self._choices.chunk_object,
            "choices": [choice_of(choice, finish_reason, said)],
        }


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _index(choice: Mapping[str, Any]) -> int:
    index = choice.get("index", 0)
    return index if isinstance(index, int) else 0


def _shown(choice: Mapping[str, Any], index: int) -> list[Shown]:
    shown = [
        Shown(index, SAID, channel, text)
        for name in ("delta", "text", "message")
        if (said := choice.get(name))
        for channel, text in texts_of(said)
    ]
    # It says which of the client's own strings or tokens the model came to.
    place = "" if "text" in choice else ".content"
    if isinstance(stop := choice.get("stop_reason"), str):
        shown.append(Shown(index, SAID, place, stop))
    elif isinstance(stop, int):
        shown.append(Shown(index, STOPPED_AT, place, "", (stop,)))
    if choice.get("logprobs") or choice.get("prompt_logprobs"):
        shown += _shown_besides(choice, index)
    if choice.get("token_ids"):
        shown += shown_ids(index, choice["token_ids"])
    return shown


def _tokens(choice: Mapping[str, Any], shown: Iterable[Shown]) -> int:
    if isinstance(ids := choice.get("token_ids"), list):
        return max(len(ids), 1)
    # One as a rule; more where the engine sends what it has gathered.
    return max(sum(1 + len(each.text) // 16 for each in shown if each.track == SAID), 1)


def _shown_besides(choice: Mapping[str, Any], index: int) -> Iterator[Shown]:
    logprobs = choice.get("logprobs")
    if isinstance(logprobs, dict):
        yield from alternatives(index, logprobs)
        yield from _legacy(index, logprobs)
    yield from _of_prompt(index, choice.get("prompt_logprobs"))


def alternatives(choice: int, logprobs: Mapping[str, Any]) -> Iterator[Shown]:
    """The tokens that log probabilities show: those that were taken, and others."""
    for part in logprobs.values():
        for entry in _dicts(part):
            if "top_logprobs" in entry or "token" in entry:
                yield from _ranked(choice, [token_text(entry)])
                yield from _ranked(choice, list(map(token_text, _dicts(entry.get("top_logprobs")))), 1)


def _legacy(choice: int, logprobs: Mapping[str, Any]) -> Iterator[Shown]:
    """Of completions: a list of tokens, and for each the likeliest by their texts."""
    for token, likeliest in zip_longest(logprobs.get("tokens") or (), logprobs.get("top_logprobs") or ()):
        yield from _ranked(choice, [str(token or "")])
        if isinstance(likeliest, dict):
            tokens = sorted(likeliest, key=lambda token: -(likeliest[token] or 0))
            yield from _ranked(choice, tokens, 1)


def _of_prompt(choice: int, positions: Any) -> Iterator[Shown]:
    for position in positions if isinstance(positions, list) else ():
        if isinstance(position, dict):
            # The prompt's own token comes first; the client wrote it.
            others = sorted(_dicts(list(position.values())[1:]), key=lambda entry: entry.get("rank") or 0)
            tokens = [str(each.get("decoded_token") or "") for each in others]
            yield from _ranked(choice, tokens, 1, PROMPT)


def _ranked(choice: int, tokens: Sequence[str], first: int = 0, of: str = "") -> Iterable[Shown]:
    return [shown_token(choice, f"{of}{rank}", token) for rank, token in enumerate(tokens, first) if token]
