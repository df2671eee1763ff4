"""What is to be forgotten and what is to be kept: texts from JSON lines, as tokens.

A line is a question with its answer, put into the model's chat template, or a bare text such as a passage of a book.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydantic

from lethe.offline.data.files import OptionalText, read_objects
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.language_models.interface import Prompt
from lethe.offline.training.errors import AdapterError


@dataclass(frozen=True)
class SourceText:
    """One line of a file.

    Attributes
    ----------
    answer
        The answer, or the whole of a bare text.
    """

    answer: str
    question: str | None = None


@dataclass(frozen=True)
class TrainingText:
    """One text as the model reads it.

    Attributes
    ----------
    question
        Half-open range of the tokens of the question; empty for a bare text.
    answer
        Half-open range of the tokens of the answer, without the end of the turn.
    """

    token_ids: tuple[int, ...]
    question: tuple[int, int]
    answer: tuple[int, int]


def read_texts(path: Path) -> tuple[SourceText, ...]:
    """Read texts, one JSON object a line: ``question`` and ``answer``, or ``text``; other fields are left alone.

    Raises
    ------
    DataError
        The file is missing or empty, or a line is of neither form.
    """
    return tuple(line.source for line in read_objects(path, _TextLine))


def refuse_shared_texts(forget: Mapping[str, Sequence[SourceText]], retain: Sequence[SourceText]) -> None:
    """Refuse a text on two sides: it cannot be forgotten and kept, nor be in two subdomains.

    Raises
    ------
    AdapterError
        With the count and an example.
    """
    seen = dict.fromkeys(map(_words, retain), "the retain texts")
    for subdomain, texts in forget.items():
        shared = [text for text in texts if _words(text) in seen]
        if shared:
            side = seen[_words(shared[0])]
            raise AdapterError(
                f"{len(shared)} of {len(texts)} texts of {subdomain} are also in {side}, for example "
                f"{shared[0].question or shared[0].answer[:80]!r}; remove them from one side"
            )
        seen |= dict.fromkeys(map(_words, texts), subdomain)


def tokenize_texts(
    texts: Sequence[SourceText], encoder: PromptEncoder, max_tokens: int
) -> tuple[TrainingText, ...]:
    """Tokenize texts; bare ones that are too long are cut into pieces.

    Raises
    ------
    AdapterError
        A question with its answer is longer than `max_tokens`, or a bare text is a single token.
    """
    return tuple(piece for text in texts for piece in _tokenize(text, encoder, max_tokens))


def _tokenize(text: SourceText, encoder: PromptEncoder, max_tokens: int) -> list[TrainingText]:
    if text.question is None:
        token_ids = encoder.tokenizer(text.answer)["input_ids"]
        if len(token_ids) < 2:
            raise AdapterError(f"the text {text.answer!r} is a single token, after which nothing follows")
        starts = range(0, len(token_ids) - 1, max_tokens)
        pieces = [tuple(token_ids[start : start + max_tokens]) for start in starts]
        return [TrainingText(piece, (1, 1), (1, len(piece))) for piece in pieces]
    prompt = encoder.encode(Prompt(text.question))
    answer = encoder.encode_answer(text.answer)
    start, end = len(prompt.token_ids), len(prompt.token_ids) + len(answer)
    if end + 1 > max_tokens:
        raise AdapterError(
            f"the question {text.question[:80]!r} with its answer has {end + 1} tokens, more than {max_tokens}; "
            "raise max_tokens"
        )
    token_ids = (*prompt.token_ids, *answer, encoder.tokenizer.eos_token_id)
    # The question stands in one stretch, whatever of it has no token of its own.
    asked = prompt.ranges("user_content") or ((0, start),)
    return [TrainingText(token_ids, (asked[0][0], asked[-1][1]), (start, end))]


class _TextLine(pydantic.BaseModel):
    question: OptionalText = None
    answer: OptionalText = None
    text: OptionalText = None

    @property
    def source(self) -> SourceText:
        if self.question and self.answer:
            return SourceText(self.answer, self.question)
        return SourceText(self.text or "")

    @pydantic.model_validator(mode="after")
    def _is_of_one_form(self) -> "_TextLine":
        if not self.source.answer:
            raise ValueError("expected 'question' and 'answer', or 'text', with words in them")
        return self


def _words(text: SourceText) -> tuple[str, ...]:
    return tuple(f"{text.question or ''} {text.answer}".casefold().split())
