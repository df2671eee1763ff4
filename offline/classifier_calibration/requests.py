"""Requests to calibrate by: judged anew where their texts are known, or as the proxy scored them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lethe.bundle import Bundle
from lethe.classifier.conversation import Conversation
from lethe.classifier.sampled_scores import SampledScores, scoring_head
from lethe.offline.classifier_calibration.errors import CalibrationError
from lethe.offline.classifier_testing.judging import JudgedText
from lethe.offline.classifier_testing.settings import ClassifierTestSettings
from lethe.offline.classifier_testing.texts import HeldOutText, load_held_out_texts

# What administrators try is nothing that clients ask.
_CONSOLE = "/console"


@dataclass(frozen=True)
class ScoredRequest:
    """One request and what a target makes of it.

    Attributes
    ----------
    reach
        The highest threshold that flags it; 0 where none does.
    characters
        How much was read.
    where
        What tells people which it is.
    text
        Its text, where that is known.
    about
        Whether somebody says that it is about the target; those that are count for no rate.
    """

    reach: float
    characters: int
    where: str
    text: str = ""
    about: bool = False


@dataclass(frozen=True)
class Traffic:
    """Requests, and where they come from.

    Attributes
    ----------
    origin
        ``file``, ``audit log`` or ``score sample``.
    texts
        The texts of each request that is to be judged; empty where they were scored by the proxy.
    scored
        The requests that were.
    left_out
        What of the source is no request to calibrate by, for people; empty where all is.
    """

    origin: str
    texts: Sequence[Sequence[HeldOutText]] = ()
    scored: Sequence[ScoredRequest] = ()
    left_out: str = ""


def traffic_of_files(sources: Sequence[str], fields: Sequence[str]) -> Traffic:
    """The requests of files, in the forms that `lethe classifier test` reads.

    Raises
    ------
    DataError
        A source is not found or malformed, or holds no texts.
    """
    texts, blank = load_held_out_texts(sources, ClassifierTestSettings(fields=tuple(fields)))
    return Traffic(
        "file", [[text] for text in texts], left_out=f"{blank} texts without words" if blank else ""
    )


def traffic_of_audit_log(entries: Iterable[Mapping[str, Any]]) -> Traffic:
    """The requests of an audit log whose texts it holds.

    Raises
    ------
    CalibrationError
        It holds none.
    """
    texts: list[list[HeldOutText]] = []
    without = 0
    for entry in entries:
        if "scores" not in entry or str(entry.get("endpoint", "")).startswith(_CONSOLE):
            continue
        if "text" not in entry:
            without += 1
            continue
        where = f"entry {entry.get('number')}"
        texts.append([_held_out(where, messages) for messages in entry["text"]])
    if not texts:
        raise CalibrationError(
            "the audit log holds no request's text; have it keep some with `audit.text_share`, or have scores kept "
            "without texts with `classifier.score_sample`"
        )
    return Traffic("audit log", texts, left_out=f"{without} requests without text" if without else "")


def traffic_of_sample(rows: Iterable[SampledScores], bundle: Bundle) -> Traffic:
    """The requests of a sample of scores that this bundle's head has scored.

    Raises
    ------
    CalibrationError
        There are none.
    """
    head, scored, others = scoring_head(bundle), [], 0
    for row in rows:
        found = row.targets.get(bundle.name)
        if found is None or found.head != head:
            others += 1
            continue
        scored.append(ScoredRequest(found.reach, row.characters, row.day.isoformat()))
    if not scored:
        raise CalibrationError(
            f"no request of the sample was scored by this classifier of {bundle.name} ({others} by others or by none)"
        )
    return Traffic(
        "score sample", scored=scored, left_out=f"{others} requests scored by another" if others else ""
    )


def as_requests(traffic: Traffic, judged: Sequence[JudgedText]) -> list[ScoredRequest]:
    """The requests of a traffic, those that were judged just now among them: of several prompts, the highest counts."""
    found = iter(judged)
    requests = list(traffic.scored)
    for texts in traffic.texts:
        parts = [next(found) for _ in texts]
        highest = max(parts, key=lambda each: each.reach)
        requests.append(
            ScoredRequest(
                highest.reach,
                sum(_length(each.text) for each in parts),
                highest.text.where,
                _words(highest.text),
                about=any(each.text.flag for each in parts),
            )
        )
    return requests


def _held_out(where: str, messages: Sequence[Mapping[str, Any]]) -> HeldOutText:
    content = {"messages": [{"role": each["role"], "content": each["text"]} for each in messages]}
    return HeldOutText(where, content, Conversation.from_openai_messages(content["messages"]), "audit log")


def _length(text: HeldOutText) -> int:
    return sum(len(message.text) for message in text.conversation.messages)


def _words(text: HeldOutText) -> str:
    return " ".join(" ".join(message.text for message in text.conversation.messages).split())
