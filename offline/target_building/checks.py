"""What is thin or contradictory in a target's data, found before anything is made from it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.questions import LONGEST_QUESTION
from lethe.offline.classifier_training.splitting import deduplicate
from lethe.offline.data.files import DataError
from lethe.offline.data.questions import normalized
from lethe.offline.target_building.data import DATA_FILES, TargetData

# A classifier takes this many of a side at least; from the second on a side counts as no longer thin.
LEAST_PROMPTS, ENOUGH_PROMPTS = 10, 60
ENOUGH_NEAR = 40
# Sentences that tell of the target, from which on they are no longer thin.
_ENOUGH_SENTENCES = 20
# The same for questions, of which every second one is held out.
LEAST_QUESTIONS, ENOUGH_QUESTIONS = 4, 30
LEAST_ANSWERS = 20
# Cosine of two prompts' embeddings from which they ask nearly the same.
_NEARLY_THE_SAME = 0.93
# A prompt with no other side's prompt as close as this lies far from it.
_FAR = 0.35
_SHOWN = 3
# The share of prompts to forget without a name of the target from which there are enough of them.
_DESCRIBED = 0.25

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class DataFinding:
    """Something that is wrong with the data, or might be.

    Attributes
    ----------
    fatal
        Whether nothing can be made from the data as they are.
    """

    file: str
    message: str
    fatal: bool = False

    def __str__(self) -> str:
        return f"{'wrong' if self.fatal else 'thin or doubtful'}: {self.file}: {self.message}"


def check_data(data: TargetData, embed: Embed | None = None) -> list[DataFinding]:
    """Look a target's data over, the worst first.

    Parameters
    ----------
    embed
        Gives embeddings (N, dimension) of unit length; without it, what only meaning tells is not looked for.
    """
    found = [
        *_files(data),
        *_sides(data),
        *_overlaps(data),
        *_names(data),
        *_about(data),
        *_questions(data),
        *_answers(data),
    ]
    if embed and data.forget and data.near:
        found += _meanings(data, embed)
    return sorted(found, key=lambda each: not each.fatal)


def refuse_unusable(folder: Path, findings: Sequence[DataFinding]) -> None:
    """End where nothing can be made from the data as they are.

    Raises
    ------
    DataError
        With all that is wrong.
    """
    if faults := [f"{each.file}: {each.message}" for each in findings if each.fatal]:
        raise DataError(f"{folder} cannot be built yet: {'; '.join(faults)}")


def can_learn_corruption(data: TargetData) -> bool:
    """Whether there is all that a corruption is learned from."""
    return len(data.questions) >= LEAST_QUESTIONS and bool(data.unknown)


def can_judge_answers(data: TargetData) -> bool:
    """Whether there is all that a head for answers is trained on."""
    return min(len(data.answers), len(data.near_answers)) >= LEAST_ANSWERS


def _files(data: TargetData) -> Iterator[DataFinding]:
    for name in data.unread:
        stem = name.partition(".")[0].casefold()
        yield DataFinding(
            name,
            "not read; files are called as those of `lethe target new`, prompts also forget.jsonl, .json, .csv or .parquet",
            # Somebody thinks that it is.
            fatal=stem in DATA_FILES,
        )


def _sides(data: TargetData) -> Iterator[DataFinding]:
    for file, side, enough in (("forget", data.forget, ENOUGH_PROMPTS), ("near", data.near, ENOUGH_NEAR)):
        unique = len(deduplicate(side))
        if unique < LEAST_PROMPTS:
            yield DataFinding(
                file, f"{unique} prompts; {LEAST_PROMPTS} are the least, {enough} are good", fatal=True
            )
        elif unique < enough:
            yield DataFinding(file, f"{unique} prompts; from {enough} on much more is found")
        if repeated := len(side) - unique:
            yield DataFinding(file, f"{repeated} prompts stand there twice, and count once")


def _overlaps(data: TargetData) -> Iterator[DataFinding]:
    forgotten = {normalized(example.text) for example in data.forget}
    for file, side in (("near", data.near), ("ordinary", data.ordinary)):
        if both := [each.text for each in side if normalized(each.text) in forgotten]:
            yield DataFinding(file, f"{_some(both)} in forget too; a prompt cannot be both", fatal=True)
    asked = {normalized(question.question) for question in data.questions}
    if both := [text for text in data.unknown if normalized(text) in asked]:
        yield DataFinding("unknown", f"{_some(both)} in questions too; a prompt cannot be both", fatal=True)
    allowed = {normalized(example.text) for example in data.near}
    if both := [each.question for each in data.questions if normalized(each.question) in allowed]:
        yield DataFinding("questions", f"{_some(both)} in near too; a prompt cannot be both", fatal=True)


def _names(data: TargetData) -> Iterator[DataFinding]:
    names = [name.casefold() for name in data.names]

    def named(text: str) -> bool:
        return any(name in text.casefold() for name in names)

    if not names:
        return
    if near := [each.text for each in data.near if named(each.text)]:
        yield DataFinding(
            "near", f"{_some(near)} named as the target is; keep those that really are to be answered"
        )
    by_name = sum(named(each.text) for each in data.forget)
    described = len(data.forget) - by_name
    if data.forget and described < _DESCRIBED * len(data.forget):
        yield DataFinding(
            "forget",
            f"{described} of {len(data.forget)} prompts describe the target without a name; questions that only describe it are "
            "found as far as there are such here, or sentences in about",
        )
    if data.forget and not by_name:
        yield DataFinding("names", "no prompt of forget has any of these names")


def _about(data: TargetData) -> Iterator[DataFinding]:
    if 0 < len(data.about) < _ENOUGH_SENTENCES:
        yield DataFinding("about", f"{len(data.about)} sentences; from {_ENOUGH_SENTENCES} on they help")
    if long := [sentence for sentence in data.about if len(sentence) > LONGEST_QUESTION]:
        yield DataFinding(
            "about",
            f"{_some(long)} longer than any question that is compared with it; write a sentence a line",
        )


def _questions(data: TargetData) -> Iterator[DataFinding]:
    count = len(data.questions)
    if not count:
        yield DataFinding("questions", "none, so no corruption is learned; the bundle can observe or refuse")
        return
    if count < LEAST_QUESTIONS:
        yield DataFinding(
            "questions", f"{count} are too few for a corruption; {LEAST_QUESTIONS} are the least"
        )
    elif count < ENOUGH_QUESTIONS:
        yield DataFinding("questions", f"{count}; with {ENOUGH_QUESTIONS} the choice is surer")
    seen: dict[str, int] = {}
    for number, question in enumerate(data.questions, start=1):
        first = seen.setdefault(normalized(question.question), number)
        if first != number:
            yield DataFinding("questions", f"question {number} repeats question {first}", fatal=True)
    if given := [
        each.question
        for each in data.questions
        if each.facts
        and all(normalized(fact) in normalized(each.question) for fact in (*each.facts, each.answer))
    ]:
        yield DataFinding("questions", f"{_some(given)} so put that the question tells its own answer")
    if bare := [each.question for each in data.questions if not each.facts]:
        yield DataFinding("questions", f"{_some(bare)} without facts; leaks in their answers are not seen")
    if not data.unknown:
        yield DataFinding(
            "unknown", f"none, so no corruption is learned; `lethe target suggest {data.folder}` drafts them"
        )


def _answers(data: TargetData) -> Iterator[DataFinding]:
    for file, side in (("answers", data.answers), ("near_answers", data.near_answers)):
        if (data.answers or data.near_answers) and len(side) < LEAST_ANSWERS:
            yield DataFinding(
                file, f"{len(side)}; {LEAST_ANSWERS} are the least for a head that judges answers"
            )


def _meanings(data: TargetData, embed: Embed) -> Iterator[DataFinding]:
    forget, near = ([example.text for example in side] for side in (data.forget, data.near))
    closeness = embed(near) @ embed(forget).T  # (near, forget)
    for row, column in zip(*np.nonzero(closeness >= _NEARLY_THE_SAME), strict=True):
        one, other = near[int(row)], forget[int(column)]
        if normalized(one) != normalized(other):
            yield DataFinding("near", f"{one!r} asks nearly the same as {other!r} in forget")
    far = int(np.sum(closeness.max(axis=1) < _FAR))
    if 2 * far > len(near):
        yield DataFinding("near", f"{far} of {len(near)} lie far from all of forget, and teach no border")


def _some(texts: Sequence[str]) -> str:
    """The count with a few examples, and the verb."""
    examples = "; ".join(repr(text) for text in texts[:_SHOWN])
    more = ", ..." if len(texts) > _SHOWN else ""
    return f"{len(texts)} ({examples}{more}) {'is' if len(texts) == 1 else 'are'}"
