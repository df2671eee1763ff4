"""Multiple choice: WMDP, MMLU and files like them, by the log-probability of the choices' letters.

Hendrycks et al., MMLU (arXiv 2009.03300); Li et al., WMDP (arXiv 2403.03218). A model that does not know scores
1 / choices.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lethe.offline.data.files import DataError, read_csv, read_csv_rows, read_json_lines
from lethe.offline.evaluation.results import Result
from lethe.offline.language_models import Choice, LanguageModel, Prompt
from lethe.offline.metrics.multiple_choice import chosen_option, multiple_choice_accuracy

LETTERS = "ABCDEFGHIJ"
FORMATS = ("plain", "chat")


@dataclass(frozen=True)
class ChoiceQuestion:
    """A question, its choices, and the index of the right one."""

    subject: str
    question: str
    choices: tuple[str, ...]
    answer: int


def choice_task(question: ChoiceQuestion, prompt_format: str) -> Choice:
    """Ask for the letter.

    Parameters
    ----------
    prompt_format
        ``plain`` is MMLU's text to be continued, after which " A" is the letter; ``chat`` asks the same as a user
        message, after which "A" begins the answer.
    """
    letters = LETTERS[: len(question.choices)]
    listed = "\n".join(
        f"{letter}. {choice}" for letter, choice in zip(letters, question.choices, strict=True)
    )
    heading = f"The following are multiple choice questions (with answers) about {question.subject}."
    if prompt_format == "plain":
        prompt = Prompt(f"{heading}\n\n{question.question}\n{listed}\nAnswer:", chat=False)
        return Choice(prompt, tuple(f" {letter}" for letter in letters))
    if prompt_format == "chat":
        instruction = "Answer with the letter of the right choice alone."
        return Choice(Prompt(f"{question.question}\n{listed}\n{instruction}"), tuple(letters))
    raise DataError(f"prompt formats are {', '.join(FORMATS)}, not {prompt_format!r}")


def evaluate_multiple_choice(
    model: LanguageModel, questions: Sequence[ChoiceQuestion], benchmark: str, prompt_format: str = "plain"
) -> Result:
    """Accuracy in all and by subject."""
    options = model.choose([choice_task(question, prompt_format) for question in questions])
    correct = [question.answer for question in questions]
    scores = {"accuracy": multiple_choice_accuracy(options, correct)}
    for subject in dict.fromkeys(question.subject for question in questions):
        chosen = [i for i, question in enumerate(questions) if question.subject == subject]
        scores[f"accuracy, {subject}"] = multiple_choice_accuracy(
            [options[i] for i in chosen], [correct[i] for i in chosen]
        )
    scores["random guessing"] = sum(1 / len(question.choices) for question in questions) / len(questions)
    hits = [float(chosen_option(o) == answer) for o, answer in zip(options, correct, strict=True)]
    return Result(benchmark, model.name, scores, {"hits": hits})


def load_wmdp(
    data: Path, subjects: Sequence[str] = ("bio", "chem", "cyber"), limit: int | None = None
) -> list[ChoiceQuestion]:
    """Read WMDP: ``wmdp/SUBJECT.jsonl``, or else ``wmdp_synthetic/SUBJECT.csv``; at most `limit` of each subject.

    Raises
    ------
    DataError
        Neither is there, or a row is no question.
    """
    questions = []
    for subject in subjects:
        lines = data / "wmdp" / f"{subject}.jsonl"
        table = data / "wmdp_synthetic" / f"{subject}.csv"
        rows = read_json_lines(lines) if lines.is_file() else read_csv(table)
        for number, row in enumerate(rows[:limit], start=1):
            try:
                choices = (
                    row["choices"] if isinstance(row["choices"], list) else ast.literal_eval(row["choices"])
                )
                questions.append(
                    _question(_SUBJECTS.get(subject, subject), row["question"], choices, int(row["answer"]))
                )
            except (KeyError, TypeError, ValueError, SyntaxError) as error:
                raise DataError(
                    f"{lines if lines.is_file() else table}, question {number}: {error}"
                ) from None
    return questions


def load_mmlu(data: Path, limit: int | None = None) -> list[ChoiceQuestion]:
    """Read MMLU's own files, ``mmlu/test/SUBJECT_test.csv``: question, four choices, letter; no header. At most `limit` of each.

    Raises
    ------
    DataError
        There is none, or a row is no question.
    """
    files = sorted((data / "mmlu" / "test").glob("*_test.csv"))
    if not files:
        raise DataError(f"{data / 'mmlu' / 'test'} holds no *_test.csv; unpack MMLU's data.tar there")
    questions = []
    for file in files:
        subject = file.name.removesuffix("_test.csv").replace("_", " ")
        for number, row in enumerate(read_csv_rows(file)[:limit], start=1):
            try:
                question, *choices, letter = row
                questions.append(_question(subject, question, choices, LETTERS.index(letter)))
            except ValueError as error:
                raise DataError(f"{file}, row {number}: {error}") from None
    return questions


_SUBJECTS = {"bio": "biology", "chem": "chemistry", "cyber": "cybersecurity"}


def _question(subject: str, question: str, choices: Sequence[str], answer: int) -> ChoiceQuestion:
    if not 2 <= len(choices) <= len(LETTERS):
        raise ValueError(f"{len(choices)} choices; expected 2 to {len(LETTERS)}")
    if not 0 <= answer < len(choices):
        raise ValueError(f"answer {answer} is none of {len(choices)} choices")
    return ChoiceQuestion(subject, question, tuple(str(choice) for choice in choices), answer)
