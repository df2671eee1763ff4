"""The questions that a corruption is learned on, read from JSON lines."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pydantic

from lethe.offline.data.files import DataError, OptionalText, read_objects


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
    paraphrased_question
        The same question in other words.
    paraphrased_answer, wrong_answers
        For the truth ratio.
    translations
        By language, the same question.
    options
        For multiple choice: what may stand as the answer, as a rule letters; the question lists their meaning.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=False)

    question: str = pydantic.Field(min_length=1)
    answer: str = pydantic.Field(min_length=1)
    facts: tuple[str, ...] = ()
    paraphrased_question: str | None = None
    paraphrased_answer: str | None = None
    wrong_answers: tuple[str, ...] = ()
    translations: Mapping[str, str] = pydantic.Field(default_factory=dict)
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
    DataError
        The file is missing or empty, a line is not a question, or two lines ask the same.
    """
    questions = read_objects(path, ForgetQuestion)
    seen: dict[str, int] = {}
    for number, question in enumerate(questions, start=1):
        first = seen.setdefault(normalized(question.question), number)
        if first != number:
            raise DataError(f"{path}: question {number} repeats question {first}: {question.question!r}")
    return questions


def load_prompts(path: Path) -> tuple[str, ...]:
    """Read prompts, one JSON object a line, by its ``text``, ``prompt`` or ``question`` field.

    Raises
    ------
    DataError
        The file is missing or empty, or a line has none of the fields.
    """
    return tuple(line.chosen for line in read_objects(path, _PromptLine))


def refuse_overlap(forget: Iterable[str], retain: Sequence[str]) -> None:
    """Refuse retain prompts that are among the forget questions, up to case, spacing and punctuation.

    Raises
    ------
    DataError
        With the count and up to three examples.
    """
    forgotten = {normalized(text) for text in forget}
    shared = [text for text in retain if normalized(text) in forgotten]
    if shared:
        examples = "; ".join(repr(text) for text in shared[:3])
        raise DataError(
            f"{len(shared)} retain prompts are also forget questions, for example {examples}; "
            "a prompt cannot be both, remove it from one side"
        )


def normalized(text: str) -> str:
    """Words of a text in lower case, for comparing questions."""
    return " ".join(re.findall(r"\w+", text.casefold()))


class _PromptLine(pydantic.BaseModel):
    text: OptionalText = None
    prompt: OptionalText = None
    question: OptionalText = None

    @property
    def chosen(self) -> str:
        return self.text or self.prompt or self.question or ""

    @pydantic.model_validator(mode="after")
    def _has_a_prompt(self) -> "_PromptLine":
        if not self.chosen:
            raise ValueError("no 'text', 'prompt' or 'question' with words in it")
        return self
