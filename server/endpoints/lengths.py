"""How many messages, parts and prompts a body may have, whatever its endpoint calls them: each costs more than its bytes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from lethe.server.errors import BadRequest
from lethe.server.settings.connections import LimitSettings

# The fields of a message, an item, a block or a tool that may hold several of what it is made of.
_HOLDING = ("content", "output", "summary", "tool_calls", "tools")


@dataclass(frozen=True)
class Lengths:
    """The most that a body may have.

    Attributes
    ----------
    messages
        Of messages, input items, tools or documents, each.
    parts
        Of the parts, blocks and tool calls of all of these together.
    prompts
        Of prompts, or texts to embed, to score or to label.
    """

    messages: int
    parts: int
    prompts: int

    @classmethod
    def of(cls, limits: LimitSettings) -> Self:
        """As the settings say."""
        return cls(limits.max_messages, limits.max_parts, limits.max_prompts)

    def check(self, body: Mapping[str, Any]) -> None:
        """Refuse a body that has more.

        Raises
        ------
        BadRequest
            It has.
        """
        parts = 0
        for name, value in body.items():
            entries = value if isinstance(value, list) else [value]
            self._check_entries(name, entries)
            for count in _parts(entries):
                parts += count
                if parts > self.parts:
                    raise _too_many(name, self.parts, "parts in all")

    def _check_entries(self, name: str, entries: list[Any]) -> None:
        prompts = messages = 0
        for entry in entries:
            # Token ids are neither.
            if isinstance(entry, dict):
                messages += 1
                if messages > self.messages:
                    raise _too_many(name, self.messages)
            elif isinstance(entry, str | list):
                prompts += 1
                if prompts > self.prompts:
                    raise _too_many(name, self.prompts)


def _parts(entries: list[Any]) -> Iterator[int]:
    """How many parts each list within some entries has, the outer before the inner."""
    within = [entries]
    while within:
        for entry in within.pop():
            if isinstance(entry, dict):
                lists = [value for name in _HOLDING if isinstance(value := entry.get(name), list)]
                yield from map(len, lists)
                within += lists


def _too_many(name: str, most: int, what: str = "entries") -> BadRequest:
    return BadRequest(f"{name} must have at most {most} {what}", param=name, code="array_above_max_length")
