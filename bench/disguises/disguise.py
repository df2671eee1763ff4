"""What a disguise is: a way to hide a question that has one decoding. Knows no disguise."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["codes", "alphabets", "letters moved", "letters changed", "packed"]

_FRAMES = (
    "{}",
    "Decode this and answer it: {}",
    "{}\n\nRead the line above and do what it says.",
    "My friend sent me a puzzle. What does it say, and what is the answer?\n\n{}\n",
)


@dataclass(frozen=True)
class Disguise:
    """A way to hide a question.

    Attributes
    ----------
    held_out
        In which round it was held out: the readers were written without trying them on it, and those of a round were
        looked at before the next. None for those that the readers were developed on.
    """

    name: str
    kind: Kind
    hide: Callable[[str], str]
    held_out: Literal[1, 2, 3, 4, 5, 6] | None = None

    def prompt(self, question: str) -> str:
        """The question in disguise, in a frame that the question itself decides."""
        return random.Random(f"{self.name}:{question}").choice(_FRAMES).format(self.hide(question))
