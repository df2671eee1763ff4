"""The ordinary prompts that a target is trained beside: none that asks about it, and an even choice of the others."""

import random
from collections import Counter
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

    An example without a group is one of its own. Where a few others are missing most of the choice stays, so that targets
    share its embeddings.
    """
    ranks = [random.Random(f"{seed}:{example.text}").random() for example in examples]
    turns = Counter[str]()
    places: list[tuple[int, float, int]] = []
    for rank, index in sorted(zip(ranks, range(len(examples)), strict=True)):
        group = examples[index].group or examples[index].text
        places.append((turns[group], rank, index))
        turns[group] += 1
    return [examples[index] for index in sorted(index for _, _, index in sorted(places)[:count])]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
