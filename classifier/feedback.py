"""What people say of a target's verdicts, in a file of the target's own that is only ever added to.

A line is an entry, or what was decided about one. An entry counts in training once nobody else's approval is wanting.
Knows files; knows nothing about keys, and trusts whoever calls it to say who speaks.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pydantic

from lethe.bundle.files import locked
from lethe.classifier.errors import ClassifierError

LONGEST_TEXT = 20_000
_MOST_ENTRIES = 10_000


class FeedbackVerdict(StrEnum):
    """Whether a text is about the target."""

    ABOUT = "about"
    NOT_ABOUT = "not-about"


class FeedbackState(StrEnum):
    """What has become of an entry."""

    COUNTS = "counts"
    WAITS = "waits"
    WITHDRAWN = "withdrawn"


class _Line(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    time: pydantic.AwareDatetime
    by: str


class _Entry(_Line):
    id: str
    verdict: FeedbackVerdict
    text: str
    version: str
    needs_approval: bool


class _Decided(_Line):
    of: str
    decision: Literal["approved", "withdrawn"]


_LINES: pydantic.TypeAdapter[_Entry | _Decided] = pydantic.TypeAdapter(_Entry | _Decided)


@dataclass(frozen=True)
class Feedback:
    """One entry and what has become of it.

    Attributes
    ----------
    by
        Who gave it: a key's id, or a user of the machine.
    version
        Of the bundle that was in force.
    decided_by
        Who approved or withdrew it; empty where nobody did.
    """

    id: str
    time: datetime
    by: str
    verdict: FeedbackVerdict
    text: str
    version: str
    state: FeedbackState
    decided_by: str = ""


class FeedbackFile:
    """The feedback on one target.

    Parameters
    ----------
    folder
        Where the files of all targets are.
    """

    def __init__(self, folder: Path, target: str) -> None:
        self.path = folder / f"{target}.jsonl"
        self._target = target

    def read(self) -> list[Feedback]:
        """Every entry, the oldest first; none where nobody said anything.

        Raises
        ------
        ClassifierError
            The file holds something else.
        """
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found: dict[str, Feedback] = {}
        for number, line in enumerate(lines, start=1):
            try:
                each = _LINES.validate_json(line)
                if isinstance(each, _Entry):
                    found[each.id] = _as_given(each)
                else:
                    found[each.of] = _as_decided(found[each.of], each)
            except (pydantic.ValidationError, KeyError):
                raise ClassifierError(
                    f"{self.path}, line {number} is no feedback; mend it or take it out"
                ) from None
        return list(found.values())

    def give(
        self, text: str, verdict: FeedbackVerdict, *, by: str, version: str, needs_approval: bool
    ) -> Feedback:
        """Add an entry.

        Parameters
        ----------
        needs_approval
            Whether it counts only once somebody else has approved it.

        Raises
        ------
        ClassifierError
            The text is empty or too long, the same is already said, or there are too many entries.
        """
        text = text.strip()
        if not text or len(text) > LONGEST_TEXT:
            raise ClassifierError(
                f"feedback is on a text of 1 to {LONGEST_TEXT:,} characters, not {len(text):,}"
            )
        with self._changing() as known:
            if len(known) >= _MOST_ENTRIES:
                raise ClassifierError(
                    f"{self.path} holds {len(known):,} entries; train with them and begin another"
                )
            said = _standing(known)
            if said.get(text.lower()) == verdict:
                raise ClassifierError(f"the same is already said of this text and {self._target}")
            entry = _Entry(
                time=_now(),
                by=by,
                id=secrets.token_hex(6),
                verdict=verdict,
                text=text,
                version=version,
                needs_approval=needs_approval,
            )
            self._append(entry)
        return _as_given(entry)

    def decide(self, identity: str, decision: Literal["approved", "withdrawn"], *, by: str) -> Feedback:
        """Approve or withdraw an entry.

        Raises
        ------
        ClassifierError
            There is no such entry, it waits for nothing, or it would be approved by who gave it.
        """
        with self._changing() as known:
            entry = next((each for each in known if each.id == identity), None)
            if entry is None:
                raise ClassifierError(f"there is no feedback {identity} on {self._target}")
            if entry.state is FeedbackState.WITHDRAWN:
                raise ClassifierError(f"feedback {identity} was withdrawn by {entry.decided_by}")
            if decision == "approved":
                if entry.state is FeedbackState.COUNTS:
                    raise ClassifierError(f"feedback {identity} waits for no approval")
                if entry.by == by:
                    raise ClassifierError(
                        f"feedback {identity} is by {by}; another administrator must approve it"
                    )
            decided = _Decided(time=_now(), by=by, of=identity, decision=decision)
            self._append(decided)
        return _as_decided(entry, decided)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[list[Feedback]]:
        """The entries, while nobody else adds any."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.parent):
            yield self.read()

    def _append(self, line: _Line) -> None:
        content = (json.dumps(line.model_dump(mode="json"), ensure_ascii=False) + "\n").encode(
            errors="replace"
        )
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "ab", buffering=0) as file:
            whole = os.fstat(descriptor).st_size
            try:
                if file.write(content) != len(content):
                    raise ClassifierError(f"{self.path} cannot be written: the disk is full")
                os.fsync(descriptor)
            except BaseException:
                # Half a line would make the whole file unreadable.
                file.truncate(whole)
                raise


def counting(entries: Iterable[Feedback]) -> dict[FeedbackVerdict, list[str]]:
    """The texts that count, by verdict; of a text that was judged twice, the last verdict counts."""
    last: dict[str, Feedback] = {}
    for entry in entries:
        if entry.state is FeedbackState.COUNTS:
            last[entry.text.lower()] = entry
    return {
        verdict: [entry.text for entry in last.values() if entry.verdict is verdict]
        for verdict in FeedbackVerdict
    }


def _standing(entries: Sequence[Feedback]) -> dict[str, FeedbackVerdict]:
    """What was last said of each text, whether it counts yet or not."""
    return {each.text.lower(): each.verdict for each in entries if each.state is not FeedbackState.WITHDRAWN}


def _as_given(entry: _Entry) -> Feedback:
    state = FeedbackState.WAITS if entry.needs_approval else FeedbackState.COUNTS
    return Feedback(entry.id, entry.time, entry.by, entry.verdict, entry.text, entry.version, state)


def _as_decided(entry: Feedback, decided: _Decided) -> Feedback:
    own_approval = decided.decision == "approved" and decided.by == entry.by
    if own_approval or entry.state is FeedbackState.WITHDRAWN:
        return entry
    state = FeedbackState.COUNTS if decided.decision == "approved" else FeedbackState.WITHDRAWN
    return replace(entry, state=state, decided_by=decided.by)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
