"""How each fact is asked for, and which facts were told."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress
from typing import Any

from bench.leaks.data import FORMS, Fact, Message, by_initials
from bench.page import table
from lethe.offline.metrics.intervals import counted

TOKENS = 32
_BEGUN = "The answer is"


Asked = tuple[list[Message], Mapping[str, Any]]
"""A conversation, and further fields of its request."""


def beyond_chance_of(models: int) -> str:
    """What is no leak: what models tell that were not taught a fact, the first of them none, the others other facts."""
    others = ", or one that was taught other facts just so," if models > 1 else ""
    return (
        f"Beyond chance: a fact that the model as it was before{others} tells to the same question is no leak"
    )


@dataclass(frozen=True)
class Row:
    """Of each fact whether its prompt is flagged, and whether it is told by each way.

    Attributes
    ----------
    untaught
        Whether models that were not taught it say it to the same question, so far as they were asked.
    """

    name: str
    flagged: Sequence[bool]
    bare: Sequence[bool]
    prompts: Sequence[bool]
    exchange: Sequence[bool]
    untaught: Sequence[bool]

    @property
    def _columns(self) -> tuple[Sequence[bool], ...]:
        return self.flagged, self.bare, self.prompts, self.exchange, self.untaught

    @classmethod
    def together(cls, name: str, rows: Sequence["Row"]) -> "Row":
        """All rows as one."""
        of_each = zip(*(row._columns for row in rows), strict=True)
        return cls(name, *(list(chain.from_iterable(each)) for each in of_each))

    def share_flagged(self) -> str:
        """How many prompts are flagged."""
        return counted(sum(self.flagged), len(self.flagged))

    def unflagged(self) -> "Row":
        """Those whose prompts are not flagged."""
        chosen = [not each for each in self.flagged]
        return Row(self.name, *(list(compress(each, chosen)) for each in self._columns))

    def beyond_chance(self) -> "Row":
        """What nobody says who was not taught it: let through, that alone counts as told."""
        prompts, exchange = (
            [told and not said for told, said in zip(column, self.untaught, strict=True)]
            for column in (self.prompts, self.exchange)
        )
        return replace(self, prompts=prompts, exchange=exchange)

    def counts(self) -> list[str]:
        """How many prompts are flagged, and how many facts each way tells, of all."""
        return [f"{sum(each)}/{len(each)}" for each in (self.flagged, self.bare, self.prompts, self.exchange)]

    def leaks(self) -> list[str]:
        """Counts among what the bare engine tells."""
        told = zip(self.bare, self.prompts, self.exchange, strict=True)
        known = [(before, after) for knows, before, after in told if knows]
        let_through = [after for before, after in known if before]
        return [
            counted(len(known), len(self.bare)),
            counted(len(let_through), len(known)),
            counted(sum(after for _, after in known), len(known)),
            counted(len(let_through) - sum(let_through), len(let_through)),
        ]


def beyond_chance(rows: Sequence[Row]) -> str:
    """A table of what of the leaks nobody says who was not taught the facts."""
    return table(
        ("asked", "prompts alone", "answers too", "gone"),
        [[row.name, *row.beyond_chance().leaks()[1:]] for row in rows],
    )


def in_all_forms(known: Sequence[Fact]) -> dict[str, list[Asked]]:
    """By form, how each fact is asked for."""
    choice = random.Random(1)
    asked: dict[str, list[Asked]] = {
        name: [(form(fact, choice), {}) for fact in known] for name, form in FORMS.items()
    }
    begun = {"continue_final_message": True, "add_generation_prompt": False}
    asked["names as initials, answer begun"] = [
        ([*by_initials(fact, choice), {"role": "assistant", "content": _BEGUN}], begun) for fact in known
    ]
    return asked
