"""The examples of a run by class, duplicates removed and grouped, and their parts."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from lethe.offline.classifier_training.embeddings import EmbeddingStore, Stretch
from lethe.offline.classifier_training.errors import TrainingError
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.splitting import (
    SplitPart,
    as_compared,
    assign_groups,
    deduplicate,
    part_of_side,
)
from lethe.offline.progress import Progress

_MINIMUM = 10


@dataclass(frozen=True)
class ExampleSet:
    """Examples by class: to forget, allowed though near the target, and ordinary."""

    forget: list[Example]
    retain: list[Example]
    general: list[Example]

    @property
    def keep(self) -> list[Example]:
        return [*self.retain, *self.general]

    def part(self, part: SplitPart, seed: int) -> "ExampleSet":
        """The examples of one part of the split.

        Raises
        ------
        TrainingError
            A class has none in this part.
        """
        sides = [part_of_side(side, part, seed) for side in self._sides()]
        for name, side in zip(("forget", "retain", "general"), sides, strict=True):
            if not side:
                raise TrainingError(f"no {name} prompt fell into the {part} part; give more {name} prompts")
        return ExampleSet(*sides)

    def keeping(self, groups: Set[str]) -> "ExampleSet":
        """All examples to forget, and of those to keep the ones of these groups."""
        return ExampleSet(
            self.forget, *([e for e in side if e.group in groups] for side in (self.retain, self.general))
        )

    def joined_with(self, other: "ExampleSet") -> "ExampleSet":
        """The examples of both, class by class."""
        return ExampleSet(
            *(ours + theirs for ours, theirs in zip(self._sides(), other._sides(), strict=True))
        )

    def texts(self) -> tuple[list[str], list[str], list[str]]:
        """What the examples say, class by class."""
        forget, retain, general = ([example.text for example in side] for side in self._sides())
        return forget, retain, general

    def counts(self) -> dict[str, int]:
        return {"forget": len(self.forget), "retain": len(self.retain), "general": len(self.general)}

    def _sides(self) -> Iterator[list[Example]]:
        yield from (self.forget, self.retain, self.general)


@dataclass(frozen=True)
class SplitExamples:
    """The parts of a set of examples: to fit on, to calibrate on, and to test on."""

    train: ExampleSet
    calibration: ExampleSet
    test: ExampleSet

    @classmethod
    def of(cls, examples: ExampleSet, seed: int) -> "SplitExamples":
        """Split a set.

        Raises
        ------
        TrainingError
            A class has no example in a part.
        """
        return cls(*(examples.part(part, seed) for part in ("train", "calibration", "test")))

    @property
    def known(self) -> ExampleSet:
        """All but what is tested on."""
        return self.train.joined_with(self.calibration)


def make_example_set(
    forget: Sequence[Example],
    retain: Sequence[Example],
    general: Sequence[Example],
    store: EmbeddingStore,
    progress: Progress,
) -> ExampleSet:
    """Remove duplicates and group what asks for the same item.

    Raises
    ------
    TrainingError
        There are too few examples of a class, or a prompt is both to forget and to keep.
    """
    sides = {
        name: deduplicate(side)
        for name, side in (("forget", forget), ("retain", retain), ("general", general))
    }
    for name, side in sides.items():
        if len(side) < _MINIMUM:
            raise TrainingError(
                f"{len(side)} {name} prompts are too few; give at least {_MINIMUM}, better hundreds"
            )
    forgotten = {as_compared(example.text) for example in sides["forget"]}
    both = [e.text for e in (*sides["retain"], *sides["general"]) if as_compared(e.text) in forgotten]
    if both:
        raise TrainingError(f"{len(both)} prompts are both to forget and to keep, the first is {both[0]!r}")
    progress.begin("grouping prompts that ask for the same")
    store.keep([Stretch.whole(example.text) for side in sides.values() for example in side], progress.advance)
    grouped = [
        assign_groups(side, store.embed([example.text for example in side])) for side in sides.values()
    ]
    return ExampleSet(*grouped)
