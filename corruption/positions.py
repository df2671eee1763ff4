"""Which prompt tokens a corruption falls on: spans of text carried to the tokens of the engine's prompt.

Only whoever knows the chat template and the tokenizer can say that, so it is done before the engine, which
checks the token count and digest that travel along. Needs no tensor library.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from lethe.corruption.artifact import Positions
from lethe.corruption.chat_template import ChatTemplate, ChatTemplateError, RenderedChat
from lethe.corruption.request import Ranges, prompt_digest

SPAN_KINDS = {"flagged_spans": "evidence", "entities": "entity"}
"""For positions that follow a verdict: the kind of its spans."""


@dataclass(frozen=True)
class MessageSpan:
    """A stretch of one message's content: half-open character offsets into its text.

    A plain prompt is message 0.
    """

    message: int
    start: int
    end: int


@dataclass(frozen=True)
class TokenizedPrompt:
    """A prompt as the engine's tokens.

    Attributes
    ----------
    token_ids
        The tokens.
    offsets
        For each token the half-open character offsets of what it stands for in ``chat.text``.
    chat
        The text, and where the messages' contents stand in it.
    """

    token_ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    chat: RenderedChat

    @cached_property
    def digest(self) -> str:
        """`lethe.corruption.request.prompt_digest` of the tokens."""
        return prompt_digest(self.token_ids)

    def ranges(
        self,
        positions: Positions,
        spans: Iterable[MessageSpan] = (),
        within: Sequence[MessageSpan] | None = None,
    ) -> Ranges | None:
        """Select tokens.

        Parameters
        ----------
        positions
            ``all_but_last``: every token but the last. ``user_content``: what the client wrote, in whatever
            role, and none of the template's own tokens. ``flagged_spans`` and ``entities``: the given spans.
        spans
            For the latter two: the stretches that carry the verdict, or that name the target's entities.
        within
            Stretches of messages outside which nothing is selected. All of them are where no span stands in one.

        Returns
        -------
        Ranges | None
            Token ranges that never hold the last token. None, which stands for every token but the last,
            also where nothing is selected or where it is not known where a selected text stands.
        """
        if within is not None:
            return self._ranges_within(within, spans if positions in SPAN_KINDS else ())
        if positions == "all_but_last":
            return None
        if positions == "user_content":
            if not self.chat.complete:
                return None
            places = [(place.start, place.end) for place in self.chat.contents if place]
        else:
            found = [self._locate(span) for span in spans]
            if None in found:
                return None
            places = [place for place in found if place]
        return self._cover(places)

    def _ranges_within(self, within: Sequence[MessageSpan], spans: Iterable[MessageSpan]) -> Ranges | None:
        places = [self._locate(span) for span in within]
        found = [place for span in spans if (place := self._locate(span))]
        if None in places:
            return None
        bounds = [place for place in places if place]
        return self._cover(_common(_merged(found), _merged(bounds)) or bounds)

    def _locate(self, span: MessageSpan) -> tuple[int, int] | None:
        if not 0 <= span.message < len(self.chat.contents):
            return None
        place = self.chat.contents[span.message]
        if place is None:
            return None
        start = place.start + max(span.start - place.skipped, 0)
        end = place.start + span.end - place.skipped
        # A span that reaches out of the content is of some other field, which is not tracked.
        return (start, end) if start < end <= place.end else None

    def _cover(self, places: Iterable[tuple[int, int]]) -> Ranges | None:
        wanted = _merged(places)
        selected: list[int] = []
        next_place = 0
        for token, (start, end) in enumerate(self.offsets[:-1]):
            while next_place < len(wanted) and wanted[next_place][1] <= start:
                next_place += 1
            if next_place < len(wanted) and wanted[next_place][0] < end:
                selected.append(token)
        return tuple(_merged((token, token + 1) for token in selected)) or None


class PromptTokenizer:
    """The tokenizer and chat template of a served model.

    Parameters
    ----------
    tokenizer
        As in the model's ``tokenizer.json``.
    template
        None for a model without one, which takes plain prompts alone.
    """

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate | None):
        self._tokenizer = tokenizer
        self._template = template

    @classmethod
    def load(cls, model_folder: Path) -> "PromptTokenizer":
        """Read both from a model folder.

        Raises
        ------
        FileNotFoundError
            The folder has no ``tokenizer.json``.
        ValueError
            It cannot be read, as one that a newer release of its library wrote.
        """
        path = model_folder / "tokenizer.json"
        if not path.is_file():
            raise FileNotFoundError(f"{model_folder} has no tokenizer.json; token positions need it")
        try:
            template = ChatTemplate.load(model_folder)
        except ChatTemplateError:
            template = None
        try:
            tokenizer = Tokenizer.from_file(str(path))
        # The library has no error of its own.
        except Exception as error:
            raise ValueError(f"{path} cannot be read: {error}") from None
        # What a training cut or filled up, an engine does not.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return cls(tokenizer, template)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        **arguments: Any,
    ) -> TokenizedPrompt:
        """Tokenize a chat; see `lethe.corruption.chat_template.ChatTemplate.render`.

        Raises
        ------
        ChatTemplateError
            The model has no template, or it refuses the messages.
        """
        if self._template is None:
            raise ChatTemplateError("the model has no chat template")
        chat = self._template.render(messages, tools, **arguments)
        # The template writes the special tokens itself.
        return self._tokenize(chat, add_special_tokens=False)

    def text(self, prompt: str) -> TokenizedPrompt:
        """Tokenize a plain prompt, as one message."""
        chat = ChatTemplate("{{ messages[0].content }}").render([{"content": prompt}])
        return self._tokenize(chat, add_special_tokens=True)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Give the text of tokens, special ones included."""
        return self._tokenizer.decode(list(token_ids), skip_special_tokens=False)

    def _tokenize(self, chat: RenderedChat, *, add_special_tokens: bool) -> TokenizedPrompt:
        encoding = self._tokenizer.encode(chat.text, add_special_tokens=add_special_tokens)
        return TokenizedPrompt(tuple(encoding.ids), tuple(encoding.offsets), chat)


def _merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join half-open intervals that overlap or touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _common(some: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where intervals of both overlap, each half-open, ascending and apart from the next."""
    common: list[tuple[int, int]] = []
    place = 0
    for start, end in some:
        while place < len(others) and others[place][1] <= start:
            place += 1
        next_place = place
        while next_place < len(others) and others[next_place][0] < end:
            first, last = others[next_place]
            common.append((max(start, first), min(end, last)))
            next_place += 1
    return common
