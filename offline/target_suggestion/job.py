"""The job behind `lethe target suggest`: drafts join what stands in a target's files, for its owner to edit."""

from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from lethe.bundle.files import replace_file
from lethe.offline.data.files import DataError, read_text
from lethe.offline.data.questions import ForgetQuestion, normalized
from lethe.offline.target_building.data import TargetData
from lethe.offline.target_suggestion.drafts import Drafts, draft
from lethe.offline.target_suggestion.from_model import draft_by_model
from lethe.offline.target_suggestion.settings import SuggestionSettings

# What is to be forgotten is private.
_MODE = 0o600
_MARK = "# Drafted by `lethe target suggest`: read each, and delete what is wrong."


def suggest(data: TargetData, settings: SuggestionSettings, agreed: Callable[[str], bool]) -> dict[str, int]:
    """Draft prompts and questions, and add those that are new to a target's files; how many, by file.

    Parameters
    ----------
    agreed
        Asked, with the address, whether what is to be forgotten may be sent to a model there.

    Raises
    ------
    DataError
        There is nothing to draft from, or a document cannot be read.
    LanguageModelError
        The model cannot be asked.
    """
    names = settings.names or data.names
    description = settings.description or data.options.description
    if not names and not description:
        raise DataError(
            f"nothing to draft from: give --name, or fill {data.folder / 'names.txt'}, or give --description"
        )
    documents = [read_text(path) for path in settings.documents]
    drafts = [draft(settings.kind, names, description, documents, data.questions)]
    if settings.model_url and agreed(settings.model_url):
        subject = "; ".join(part for part in (", ".join(names), description) if part)
        drafts.append(
            draft_by_model(
                settings.model_url, subject, settings.count, settings.served_name, settings.api_key
            )
        )
    added: dict[str, int] = {}
    forget = [text for each in drafts for text in each.forget]
    for side, known in _known(data).items():
        # A prompt cannot be on both sides, also where a model drafts it on both.
        taken = [*known, *(forget if side == "near" else ())]
        drafted = [text for each in drafts for text in getattr(each, side)]
        added[f"{side}.txt"] = _add_lines(data.folder / f"{side}.txt", drafted, taken)
    if settings.names:
        added["names.txt"] = _add_lines(data.folder / "names.txt", settings.names, data.names)
    added["questions.yaml"] = _add_questions(data, drafts)
    return added


def _known(data: TargetData) -> dict[str, Sequence[str]]:
    """What a file need not be given, by file: what it has, and what may not be in it."""
    forget, near = ([example.text for example in side] for side in (data.forget, data.near))
    return {
        "forget": forget + near,
        "near": near + forget,
        "about": data.about,
        "unknown": data.unknown,
    }


def _add_lines(path: Path, lines: Sequence[str], known: Sequence[str]) -> int:
    there = {normalized(text) for text in known}
    new = [line for line in lines if normalized(line) not in there]
    if new:
        before = read_text(path).rstrip("\n") + "\n" if path.is_file() else ""
        replace_file(path, before + "\n".join([_MARK, *new]) + "\n", _MODE)
    return len(new)


def _add_questions(data: TargetData, drafts: Sequence[Drafts]) -> int:
    there = {normalized(each.question) for each in data.questions}
    new = [each for drafted in drafts for each in drafted.questions if normalized(each.question) not in there]
    if new:
        path = data.folder / "questions.yaml"
        before = read_text(path).rstrip("\n") + "\n" if path.is_file() else ""
        replace_file(path, f"{before}{_MARK}\n{_as_yaml(new)}", _MODE)
    return len(new)


def _as_yaml(questions: Sequence[ForgetQuestion]) -> str:
    rows = [
        {"question": each.question, "answer": each.answer, "facts": list(each.facts)} for each in questions
    ]
    return yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=1000)
