"""The questions that a corruption is learned on, read from JSON lines."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pydantic


class QuestionsError(Exception):
    """A question file that cannot be used; the message names the file and the line."""


class ForgetQuestion(pydantic.BaseModel):
    """A question whose answer is to be forgotten.

    Attributes
    ----------
    question
        What a user may ask.
    answer
        The true answer, or one of `options`.
    facts
        Words and phrases that betray the knowledge when an output names them and the question does not.
    paraphrased_answer, wrong_answers
        For the truth ratio.
    options
        For multiple choice: what may stand as the answer, as a rule letters; the question lists their meaning.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=False)

    question: str = pydantic.Field(min_length=1)
    answer: str = pydantic.Field(min_length=1)
    facts: tuple[str, ...] = ()
    paraphrased_answer: str | None = None
    wrong_answers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @pydantic.model_validator(mode="after")
    def _answer_is_an_option(self) -> "ForgetQuestion":
        if self.options and self.answer not in self.options:
            raise ValueError(f"the answer {self.answer!r} is none of the options")
        return self


def load_questions(path: Path) -> tuple[ForgetQuestion, ...]:
    """Read questions, one JSON object a line.

    Raises
    ------
    QuestionsError
        The file is missing or empty, a line is not a question, or two lines ask the same.
    """
    questions = tuple(
        _parse(path, number, line) for number, line in enumerate(_lines(path), start=1) if line.strip()
    )
    if not questions:
        raise QuestionsError(
            f"{path} holds no question; give one JSON object a line with 'question' and 'answer'"
        )
    seen: dict[str, int] = {}
    for number, question in enumerate(questions, start=1):
        first = seen.setdefault(normalized(question.question), number)
        if first != number:
            raise QuestionsError(f"{path}: question {number} repeats question {first}: {question.question!r}")
    return questions


def load_prompts(path: Path) -> tuple[str, ...]:
    """Read prompts, one JSON object a line, by its ``text``, ``prompt`` or ``question`` field.

    Raises
    ------
    QuestionsError
        The file is missing or empty, or a line has none of the fields.
    """
    prompts = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        row = _object(path, number, line)
        text = next(
            (row[name] for name in ("text", "prompt", "question") if isinstance(row.get(name), str)), ""
        )
        if not text.strip():
            raise QuestionsError(f"{path}, line {number}: no 'text', 'prompt' or 'question' with words in it")
        prompts.append(text)
    if not prompts:
        raise QuestionsError(f"{path} holds no prompt; give one JSON object a line with 'text'")
    return tuple(prompts)


def refuse_overlap(forget: Iterable[str], retain: Sequence[str]) -> None:
    """Refuse retain prompts that are among the forget questions, up to case, spacing and punctuation.

    Raises
    ------
    QuestionsError
        With the count and up to three examples.
    """
    forgotten = {normalized(text) for text in forget}
    shared = [text for text in retain if normalized(text) in forgotten]
    if shared:
        examples = "; ".join(repr(text) for text in shared[:3])
        raise QuestionsError(
            f"{len(shared)} retain prompts are also forget questions, for example {examples}; "
            "a prompt cannot be both, remove it from one side"
        )


def normalized(text: str) -> str:
    """Words of a text in lower case, for comparing questions."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise QuestionsError(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionsError(f"{path} cannot be read as UTF-8 text: {error}") from None


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise QuestionsError(f"{path}, line {number}: not valid JSON: {error}") from None
    if not isinstance(row, dict):
        raise QuestionsError(f"{path}, line {number}: expected a JSON object, got {type(row).__name__}")
    return row


def _parse(path: Path, number: int, line: str) -> ForgetQuestion:
    try:
        return ForgetQuestion.model_validate(_object(path, number, line))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise QuestionsError(
            f"{path}, line {number}: {f'{field}: ' if field else ''}{first['msg']}"
        ) from None
