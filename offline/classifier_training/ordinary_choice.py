"""The ordinary prompts that a target is trained beside: none that asks about it, and an even choice of the others."""

import random
from collections.abc import Sequence

from lethe.classifier.spans import entity_spans
from lethe.offline.classifier_training.examples import Example


def without_target(
    examples: Sequence[Example], forget: Sequence[Example], names: tuple[str, ...]
) -> list[Example]:
    """The examples that are none of those to forget and hold none of a target's names."""
    forgotten = {_plain(example.text) for example in forget}
    return [
        example
        for example in examples
        if _plain(example.text) not in forgotten and not entity_spans(names, example.text)
    ]


def sample_groups(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """At most `count` of the examples, drawn from their groups in turns; in their order, the same for the same seed.

    An example without a group is one of its own.
    """
    choice = random.Random(seed)
    turns: dict[str, int] = {}
    places: list[tuple[int, float, int]] = []
    for index in choice.sample(range(len(examples)), len(examples)):
        group = examples[index].group or examples[index].text
        turns[group] = turns.get(group, -1) + 1
        places.append((turns[group], choice.random(), index))
    return [examples[index] for index in sorted(index for _, _, index in sorted(places)[:count])]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
