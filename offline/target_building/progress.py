"""How far a build of several jobs is: its parts counted, each with its stages, and the time that all of it will take."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lethe.offline.progress import Progress

# So many seconds of the plan count as if they had been measured, so that the first stage does not decide.
_PLANNED_S = 20.0


@dataclass(frozen=True)
class BuildPart:
    """A job of a build, and what its stages are expected to take, in seconds on two cores.

    Attributes
    ----------
    stages
        One number a stage; a job that has more of them than this takes the last one for each further one.
    """

    title: str
    stages: tuple[float, ...]


class BuildProgress(Progress):
    """Counts parts and their stages, hands on what they show, and says at each stage how long all still takes.

    What is behind tells how fast this machine is.

    Parameters
    ----------
    shown
        Where it is shown.
    clock
        Seconds.
    """

    def __init__(
        self, shown: Progress, parts: Sequence[BuildPart], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(shown.say)
        self._shown = shown
        self._parts = tuple(parts)
        self._part = -1
        self._clock = clock
        self._begun_at = clock()
        self._behind = 0.0
        self._stage = 0.0
        self._done = 0.0

    def begin_part(self) -> None:
        """Begin the next part."""
        self._part += 1
        self._begun, self._expected = 0, 0
        self._stage = self._done = 0.0
        self._behind = sum(sum(part.stages) for part in self._parts[: self._part])
        part = self._parts[self._part]
        self._shown.say(f"part {self._part + 1} of {len(self._parts)}: {part.title}{self._left()}")

    def begin(self, stage: str) -> None:
        self._behind += self._stage
        stages = self._parts[self._part].stages
        self._stage = stages[min(self._begun, len(stages) - 1)]
        self._done = 0.0
        self._begun += 1
        of = f" of {self._expected}" if self._expected else ""
        self._shown.show(
            f"part {self._part + 1} of {len(self._parts)}, stage {self._begun}{of}: {stage}", self._left()
        )

    def advance(self, done: int, total: int | None = None, note: str = "") -> None:
        if total:
            self._done = done / total
        self._shown.advance(done, total, note)

    @property
    def seconds_left(self) -> float:
        """How long all of it still takes."""
        elapsed = self._clock() - self._begun_at
        planned = self._behind + self._done * self._stage
        ahead = sum(sum(part.stages) for part in self._parts) - planned
        return max(ahead, 0.0) * (elapsed + _PLANNED_S) / (planned + _PLANNED_S)

    def _left(self) -> str:
        minutes = self.seconds_left / 60
        return (
            "; about a minute left in all" if minutes < 1.5 else f"; about {minutes:.0f} minutes left in all"
        )
