"""What people said of verdicts, among the prompts of a training."""

from collections.abc import Sequence

from lethe.classifier.feedback import Feedback, FeedbackVerdict, counting
from lethe.offline.classifier_training.examples import Example
from lethe.offline.classifier_training.splitting import as_compared


def join_feedback(
    entries: Sequence[Feedback],
    forget: Sequence[Example],
    retain: Sequence[Example],
    general: Sequence[Example],
) -> tuple[list[Example], list[Example], list[Example]]:
    """Prompts to forget, near ones and ordinary ones, with what counts of the feedback.

    A text that is about the target is to be forgotten, one that is not is a near prompt that is allowed. What the prompts
    say otherwise of the same text is left out.
    """
    said = counting(entries)
    about, not_about = said[FeedbackVerdict.ABOUT], said[FeedbackVerdict.NOT_ABOUT]
    return (
        [*_without(forget, not_about), *map(Example, about)],
        [*_without(retain, about), *map(Example, not_about)],
        _without(general, about),
    )


def _without(examples: Sequence[Example], texts: Sequence[str]) -> list[Example]:
    left_out = set(map(as_compared, texts))
    return [example for example in examples if as_compared(example.text) not in left_out]
