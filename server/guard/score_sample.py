"""A sample of the scores of requests, without their texts, for calibrating thresholds on what is really asked.

Kept only where the operator asks for it. Lines wait in memory and are written on a thread of their own, so that no
request waits for a disk; what cannot be written is dropped, since it is a sample.
"""

import fcntl
import logging
import os
import queue
import random
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from lethe.classifier.conversation import Conversation
from lethe.classifier.sampled_scores import PATTERN, SampledScores, SampledTarget, scoring_head
from lethe.classifier.verdict import Status, Verdict
from lethe.server.errors import OperatorError
from lethe.server.settings.reading import ScoreSampleSettings
from lethe.server.targets.targets import TargetSet

_LOGGER = logging.getLogger("lethe.guard")
_WAITING = 10_000
# The sample is two files: the older goes when the newer is full.
_FILES = 2


class ScoreSample(Protocol):
    """Where the scores of some requests go."""

    def draws(self) -> bool:
        """Whether the next request is one of the sample; asked before anything is known of it."""
        ...

    def take(
        self, targets: TargetSet, conversations: Sequence[Conversation], verdicts: Sequence[Verdict]
    ) -> None:
        """Keep the scores of a request."""
        ...

    def close(self) -> None:
        """Write what waits."""
        ...


class NoScoreSample:
    """Where none is kept."""

    def draws(self) -> bool:
        """None is."""
        return False

    def take(
        self, targets: TargetSet, conversations: Sequence[Conversation], verdicts: Sequence[Verdict]
    ) -> None:
        """Drop them."""

    def close(self) -> None:
        """There is nothing to write."""


class ScoreSampleFiles:
    """A sample in a folder, which is locked while it is open.

    Raises
    ------
    OperatorError
        The folder cannot be written, or another proxy keeps its sample there.
    """

    def __init__(self, folder: Path, settings: ScoreSampleSettings) -> None:
        self._folder = folder
        self._share = settings.share
        self._per_file = max(settings.keep // _FILES, 1)
        self._waiting: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._failing = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise OperatorError(
                f"another proxy keeps its sample of scores in {folder}; give each its own"
            ) from None
        except OSError as error:
            raise OperatorError(f"cannot keep a sample of scores in {folder}: {error.strerror}") from None
        found = sorted(folder.glob(PATTERN))
        self._number = int(found[-1].stem.partition("-")[2]) if found else 1
        self._lines = found[-1].read_bytes().count(b"\n") if found else 0
        self._thread = threading.Thread(target=self._write_all, name="score-sample", daemon=True)
        self._thread.start()

    def draws(self) -> bool:
        """Whether the next request is one of the sample; asked before anything is known of it."""
        return random.random() < self._share

    def take(
        self, targets: TargetSet, conversations: Sequence[Conversation], verdicts: Sequence[Verdict]
    ) -> None:
        """Keep the scores of a request: of each target the highest over its prompts."""
        scores = SampledScores(
            day=datetime.now(UTC).date(),
            characters=sum(len(message.text) for each in conversations for message in each.messages),
            status=_status(verdicts),
            targets={
                target.name: SampledTarget(
                    head=scoring_head(target.bundle), reach=_reach(verdicts, target.name)
                )
                for target in targets
            },
        )
        try:
            self._waiting.put_nowait(scores.model_dump_json().encode() + b"\n")
        except queue.Full:
            self._tell("it takes longer than requests come")

    def close(self) -> None:
        """Write what waits, as far as the disk allows, and release the folder."""
        self._waiting.put(None)
        self._thread.join()
        os.close(self._lock)

    def _write_all(self) -> None:
        for line in iter(self._waiting.get, None):
            try:
                self._write(line)
                self._failing = False
            except OSError as error:
                self._tell(str(error.strerror))

    def _write(self, line: bytes) -> None:
        if self._lines >= self._per_file:
            self._number, self._lines = self._number + 1, 0
            for old in sorted(self._folder.glob(PATTERN))[: 1 - _FILES]:
                old.unlink()
        path = self._folder / f"scores-{self._number:06d}.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
        self._lines += 1

    def _tell(self, fault: str) -> None:
        if not self._failing:
            _LOGGER.warning("the sample of scores in %s lacks requests: %s", self._folder, fault)
        self._failing = True


def _status(verdicts: Iterable[Verdict]) -> Status:
    for verdict in verdicts:
        if verdict.status != "ok":
            return verdict.status
    return "ok"


def _reach(verdicts: Iterable[Verdict], target: str) -> float:
    found = (part.reach for verdict in verdicts for part in verdict.targets if part.target == target)
    return round(max(found, default=0.0), 9)
