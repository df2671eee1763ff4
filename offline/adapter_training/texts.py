"""What is to be forgotten and what is to be kept: texts from JSON lines, as tokens.

A line is a question with its answer, put into the model's chat template, or a bare text such as a passage of a book.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lethe.offline.adapter_training.errors import AdapterError
from lethe.offline.language_models.encoding import PromptEncoder
from lethe.offline.language_models.interface import Prompt


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
class TokenizedText:
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
    AdapterError
        The file is missing or empty, or a line is of neither form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise AdapterError(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise AdapterError(f"{path} cannot be read as UTF-8 text: {error}") from None
    texts = tuple(_parse(path, number, line) for number, line in enumerate(lines, start=1) if line.strip())
    if not texts:
        raise AdapterError(
            f"{path} holds no text; give one JSON object a line with 'question' and 'answer', or with 'text'"
        )
    return texts


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
) -> tuple[TokenizedText, ...]:
    """Tokenize texts; bare ones that are too long are cut into pieces.

    Raises
    ------
    AdapterError
        A question with its answer is longer than `max_tokens`, or a bare text is a single token.
    """
    return tuple(piece for text in texts for piece in _tokenize(text, encoder, max_tokens))


def _tokenize(text: SourceText, encoder: PromptEncoder, max_tokens: int) -> list[TokenizedText]:
    if text.question is None:
        token_ids = encoder.tokenizer(text.answer)["input_ids"]
        if len(token_ids) < 2:
            raise AdapterError(f"the text {text.answer!r} is a single token, after which nothing follows")
        starts = range(0, len(token_ids) - 1, max_tokens)
        pieces = [tuple(token_ids[start : start + max_tokens]) for start in starts]
        return [TokenizedText(piece, (1, 1), (1, len(piece))) for piece in pieces]
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
    return [TokenizedText(token_ids, (asked[0][0], asked[-1][1]), (start, end))]


def _parse(path: Path, number: int, line: str) -> SourceText:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise AdapterError(f"{path}, line {number}: not valid JSON: {error}") from None
    fields = row if isinstance(row, dict) else {}
    given = {name: value for name, value in fields.items() if isinstance(value, str) and value.strip()}
    if "question" in given and "answer" in given:
        return SourceText(given["answer"], given["question"])
    if "text" in given:
        return SourceText(given["text"])
    raise AdapterError(
        f"{path}, line {number}: expected 'question' and 'answer', or 'text', with words in them"
    )


def _words(text: SourceText) -> tuple[str, ...]:
    return tuple(f"{text.question or ''} {text.answer}".casefold().split())
