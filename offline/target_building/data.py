"""The data of a target, read from its folder: files that people write, as `lethe target new` makes them.

Knows files; knows nothing about what is made from them.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pydantic

from lethe.bundle import check_target_name
from lethe.bundle.files import replace_file, replaced_folder
from lethe.offline.classifier_training.answer_examples import QuestionAnswer
from lethe.offline.classifier_training.examples import Example, load_examples
from lethe.offline.classifier_training.settings import TrainingSettings
from lethe.offline.corruption_learning.settings import LearningSettings
from lethe.offline.data.files import DataError, read_lines, read_objects, read_yaml, read_yaml_objects
from lethe.offline.data.questions import ForgetQuestion

OPTIONS = "target.yaml"
_Model = TypeVar("_Model", bound=pydantic.BaseModel)
# What a build makes and keeps of a folder's data, beside them.
WORK = ".build"
_EXAMPLES = Path(__file__).parent / "new_target"
_FORMATS = (".jsonl", ".json", ".csv", ".parquet", ".jsonl.gz", ".json.gz", ".csv.gz")
_OBJECT_FORMATS = (".yaml", ".jsonl")
_PROMPTS = ("forget", "near", "ordinary", "unknown")
_LINES = ("names", "about", "facts")
_OBJECTS = ("questions", "answers", "near_answers")
# Without their endings.
DATA_FILES = (*_PROMPTS, *_LINES, *_OBJECTS)
# What else people keep beside their data.
_NOTES = ".md"


class TargetOptions(pydantic.BaseModel):
    """What stands in ``target.yaml``.

    Attributes
    ----------
    model
        Hub id or folder of the model that is served; None for the small one.
    engine
        Address of a running engine to learn on, or ``embedded``; None runs the model here.
    training, learning
        How the classifier is trained and what is searched for the corruption, where not by default.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    model: str | None = None
    engine: str | None = None
    training: TrainingSettings = TrainingSettings()
    learning: LearningSettings = LearningSettings()


@dataclass(frozen=True)
class TargetData:
    """All that a folder holds about a target; what a file does not hold is empty.

    Attributes
    ----------
    forget, near, ordinary
        Prompts that ask for it, that lie near and are allowed, and others.
    names
        What it is called.
    about
        Sentences that tell what is known of it.
    questions, unknown, facts
        What its corruption is learned from: questions with their answers, the same kind of questions about what does
        not exist, and words that no answer may bring up by itself.
    answers, near_answers
        Answers that tell of it, and such that are allowed.
    unread
        Names of files that no part of it was read from.
    """

    folder: Path
    options: TargetOptions
    forget: tuple[Example, ...] = ()
    near: tuple[Example, ...] = ()
    ordinary: tuple[Example, ...] = ()
    names: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    questions: tuple[ForgetQuestion, ...] = ()
    unknown: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    answers: tuple[QuestionAnswer, ...] = ()
    near_answers: tuple[QuestionAnswer, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.folder.resolve().name


def make_folder(folder: Path) -> Path:
    """Make the folder of a new target, with files that say what goes into them.

    Raises
    ------
    BundleError
        No target can be named as the folder is.
    DataError
        There is something at that place.
    """
    check_target_name(folder.name)
    if folder.exists():
        raise DataError(f"{folder} is there already; edit its files, or choose another name")
    # One that is half there could not be made again.
    with replaced_folder(folder, keep=True) as made:
        for example in _EXAMPLES.iterdir():
            shutil.copyfile(example, made / example.name)
        (made / ".gitignore").write_text(f"/{WORK}/\n")
    # What is to be forgotten is private, and so is what is made from it.
    folder.chmod(0o700)
    return folder


def read_target_data(folder: Path) -> TargetData:
    """Read a target's folder.

    Raises
    ------
    BundleError
        No target can be named as the folder is.
    DataError
        It is no such folder, or a file of it is malformed.
    """
    if not (folder / OPTIONS).is_file():
        raise DataError(
            f"{folder} is not a target's folder: it has no {OPTIONS}; `lethe target new {folder}` makes one"
        )
    check_target_name(folder.resolve().name)
    return TargetData(
        folder,
        read_yaml(folder / OPTIONS, TargetOptions),
        *(_prompts(folder, side) for side in ("forget", "near", "ordinary")),
        names=_lines(folder / "names.txt"),
        about=_lines(folder / "about.txt"),
        questions=_objects(folder, "questions", ForgetQuestion),
        unknown=tuple(example.text for example in _prompts(folder, "unknown")),
        facts=_lines(folder / "facts.txt"),
        answers=_objects(folder, "answers", QuestionAnswer),
        near_answers=_objects(folder, "near_answers", QuestionAnswer),
        unread=_unread(folder),
    )


def write_json_lines(path: Path, objects: Sequence[pydantic.BaseModel] | Sequence[dict[str, object]]) -> Path:
    """Write objects, one a line, into a file that only its owner can read."""
    rows = [each.model_dump() if isinstance(each, pydantic.BaseModel) else each for each in objects]
    replace_file(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), mode=0o600)
    return path


def _prompts(folder: Path, side: str) -> tuple[Example, ...]:
    lines = _lines(folder / f"{side}.txt")
    if lines and all(line.startswith(("{", "[")) for line in lines):
        raise DataError(f"{folder / side}.txt holds JSON, and not a prompt a line; call it {side}.jsonl")
    plain = [Example(line) for line in lines]
    others = [path for suffix in _FORMATS if (path := folder / f"{side}{suffix}").is_file()]
    return (*plain, *(example for path in others for example in load_examples(str(path))))


def _objects(folder: Path, name: str, model: type[_Model]) -> tuple[_Model, ...]:
    written = folder / f"{name}.yaml"
    lines = folder / f"{name}.jsonl"
    return (
        *(read_yaml_objects(written, model) if written.is_file() else ()),
        *(read_objects(lines, model) if lines.is_file() else ()),
    )


def _unread(folder: Path) -> tuple[str, ...]:
    read = {
        OPTIONS,
        *(f"{name}{suffix}" for name in _PROMPTS for suffix in (".txt", *_FORMATS)),
        *(f"{name}.txt" for name in _LINES),
        *(f"{name}{suffix}" for name in _OBJECTS for suffix in _OBJECT_FORMATS),
    }
    return tuple(
        path.name
        for path in sorted(folder.glob("[!.]*"))
        if path.is_file() and path.name not in read and path.suffix != _NOTES
    )


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(read_lines(path)) if path.is_file() else ()
