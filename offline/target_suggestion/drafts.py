"""Drafts of a target's files by templates: prompts to forget, near ones, questions, and such about what does not exist."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lethe.offline.data.questions import ForgetQuestion, normalized
from lethe.offline.target_suggestion.documents import facts_of, sentences_about
from lethe.offline.target_suggestion.templates import Patterns, TargetKind, patterns_of

_NAMES_USED = 8
_SENTENCES_USED = 40
# What is no name.
_PHRASE = re.compile("(the|an?|our) ")


@dataclass(frozen=True)
class Drafts:
    """What is suggested for each file of a target."""

    forget: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    questions: tuple[ForgetQuestion, ...] = ()
    unknown: tuple[str, ...] = ()


def draft(
    kind: TargetKind,
    names: Sequence[str],
    description: str = "",
    documents: Sequence[str] = (),
    questions: Sequence[ForgetQuestion] = (),
) -> Drafts:
    """Suggest a target's data.

    Parameters
    ----------
    kind
        What sort of thing it is.
    names
        What it is called, the most usual name first.
    description
        A noun phrase for it that does not name it, such as "the booking system for ferries".
    documents
        Plain texts about it.
    questions
        Those that there are already; what is suggested about what does not exist follows them too.
    """
    patterns = patterns_of(kind)
    called = list(names[:_NAMES_USED])
    sentences = sentences_about(documents, names)[:_SENTENCES_USED]
    drafted = [
        ForgetQuestion(question=fact.question, answer=fact.answer, facts=(fact.answer,))
        for fact in facts_of(sentences, names)
    ]
    described = [description.strip().rstrip(".")] if description.strip() else []
    forget = [
        *_filled(patterns.forget, [*called, *described]),
        *_filled(patterns.forget_by_name, called),
        *(f"Is it true? {sentence}" for sentence in sentences),
        *(question.question for question in drafted),
    ]
    named = [other for other in patterns.others if not _PHRASE.match(other)]
    near = [*_filled(patterns.near, patterns.others), *_filled(patterns.near_by_name, named)]
    asked = [*questions, *drafted]
    return Drafts(
        forget=tuple(_unique(forget)),
        about=tuple(sentences),
        near=tuple(_unique(near)),
        questions=tuple(drafted),
        unknown=tuple(_unique(unknown_of(asked, names, patterns))),
    )


def unknown_of(questions: Sequence[ForgetQuestion], names: Sequence[str], patterns: Patterns) -> list[str]:
    """The same kind of questions about things that do not exist: every name of the target gives way to one that is made up."""
    by_length = sorted(names, key=len, reverse=True)
    if not by_length:
        return []
    called = "|".join(re.escape(each) for each in by_length)
    name = re.compile(rf"(\bthe )?(?:{called})", re.IGNORECASE)
    made: list[str] = []
    for number, question in enumerate(questions):
        stranger = patterns.unknown[number % len(patterns.unknown)]

        def renamed(found: re.Match[str], stranger: str = stranger) -> str:
            # The question's own article serves a name that would bring one.
            return f"{found[1]}{stranger.removeprefix('the ')}" if found[1] else stranger

        if name.search(question.question):
            made.append(name.sub(renamed, question.question))
    return made


def _filled(patterns: Sequence[str], subjects: Sequence[str]) -> list[str]:
    return [pattern.format(subject) for subject in subjects for pattern in patterns]


def _unique(texts: Iterable[str]) -> list[str]:
    return list({normalized(text) or text: text for text in texts}.values())
