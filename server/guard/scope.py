"""What a verdict leads to by the kind of text that carries it: kinds of text, and what operators chose for each.

Pure; knows nothing about how text is judged.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import get_args

from lethe.classifier.conversation import BESIDE, Conversation, Message, Part
from lethe.server.settings.policy import Consequence, ScopeKind, ScopeSettings

_STRENGTH = (
    Consequence.SKIP,
    Consequence.OBSERVE,
    Consequence.CORRUPT_SPAN,
    Consequence.CORRUPT,
    Consequence.REFUSE,
)
_LET_THROUGH = (Consequence.SKIP, Consequence.OBSERVE)
_OF_ROLE: Mapping[str, ScopeKind] = {
    "system": "system",
    "developer": "system",
    "tool": "tool_results",
    "function": "tool_results",
    "assistant": "assistant_turns",
}
# Of a document an id may follow.
_DOCUMENT = "document"
_BESIDE: Mapping[str, ScopeKind] = {"tool_definition": "tool_definitions", "document": "documents"}


@dataclass(frozen=True)
class TargetScope:
    """What a target's verdict leads to, by the kind of text that carries it."""

    by_kind: Mapping[ScopeKind, Consequence]

    @classmethod
    def of(cls, settings: ScopeSettings, overrides: Mapping[ScopeKind, Consequence]) -> "TargetScope":
        """What the settings say, unless the target's own deployment says something else."""
        return cls({kind: getattr(settings, kind) for kind in get_args(ScopeKind)} | dict(overrides))

    @property
    def skipped(self) -> frozenset[ScopeKind]:
        """The kinds that are not judged."""
        return frozenset(kind for kind, each in self.by_kind.items() if each is Consequence.SKIP)

    @property
    def let_through(self) -> frozenset[ScopeKind]:
        """The kinds from which nothing follows."""
        return frozenset(kind for kind, each in self.by_kind.items() if each in _LET_THROUGH)

    def strongest(self, kinds: Iterable[ScopeKind]) -> Consequence:
        """The strongest that one of some kinds leads to; nothing for none."""
        return max((self.by_kind[kind] for kind in kinds), key=_STRENGTH.index, default=Consequence.SKIP)


Kinds = tuple[tuple[ScopeKind, ...], ...]


def kinds_of(conversation: Conversation) -> Kinds:
    """The kinds of a conversation's texts, for each message one a part."""
    newest = _newest_turn(conversation.messages)
    return tuple(_kinds(message, index in newest) for index, message in enumerate(conversation.messages))


def without_kinds(conversation: Conversation, kinds: Kinds, taken: Set[ScopeKind]) -> Conversation:
    """What is left of a conversation without the texts of some kinds."""
    stretches = list(_stretches(conversation, kinds, taken))
    return conversation.without(stretches) if stretches else conversation


def _stretches(
    conversation: Conversation, kinds: Kinds, taken: Set[ScopeKind]
) -> Iterator[tuple[int, int, int]]:
    for index, (message, its_kinds) in enumerate(zip(conversation.messages, kinds, strict=True)):
        for part, kind in zip(message.parts, its_kinds, strict=True):
            if kind in taken:
                yield index, part.start, part.end


def _kinds(message: Message, newest: bool) -> tuple[ScopeKind, ...]:
    # Of all its parts, so not to be looked for at each.
    content_end = message.content_end
    return tuple(_kind(message, part, newest, content_end) for part in message.parts)


def _kind(message: Message, part: Part, newest: bool, content_end: int) -> ScopeKind:
    if message.role == BESIDE:
        return _BESIDE.get(part.kind, "newest_turn")
    if newest:
        return "newest_turn"
    # What stands amid the content has its place in the prompt, and is one with it.
    if message.role == "assistant" and part.kind == "reasoning" and part.start >= content_end:
        return "reasoning"
    # A role that is not known is read as a user's.
    return _of_role(message.role) or "earlier_turns"


def _of_role(role: str) -> ScopeKind | None:
    return "documents" if role.startswith(_DOCUMENT) else _OF_ROLE.get(role)


def _newest_turn(messages: tuple[Message, ...]) -> Set[int]:
    """The user's last messages in a row, and what the model is to go on with; all of it where no user speaks."""
    spoken = [index for index, message in enumerate(messages) if message.role != BESIDE]
    user = [index for index in spoken if _is_user(messages[index])]
    if not user:
        return {*spoken}
    newest = {user[-1]}
    for index in range(user[-1] - 1, -1, -1):
        if messages[index].role in ("assistant", "tool", "function"):
            break
        if _is_user(messages[index]):
            newest.add(index)
    if messages[spoken[-1]].role == "assistant":
        newest.add(spoken[-1])
    return newest


def _is_user(message: Message) -> bool:
    return _of_role(message.role) is None and message.role != BESIDE
