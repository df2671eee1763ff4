"""A conversation as passages to score: each message alone, and what only shows across messages.

Every passage depends on a bounded stretch of text, so a conversation that grows by a message grows by a few passages,
and the rest are found in the cache.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from lethe.classifier.asking_lines import asking_lines
from lethe.classifier.conversation import Conversation, Message
from lethe.classifier.text.windows import gap_after, gap_before

# How much of each side of a seam is read together; both fit one window.
_SEAM_CHARACTERS = 240
# Where a message is cut for it, this many characters are given up to cut between words: a part of one may be a name.
_TO_A_GAP = 40
_SHORT_TURN_CHARACTERS = 64
# How much of joined turns is read together, and how much of it the next stretch repeats.
_JOINED_CHARACTERS = 1024
_JOINED_OVERLAP = 256
_OF_SYSTEM = ("system", "developer")
# Of a conversation, those of its newest messages.
_ASKING_LINES = 16

Standing = Literal["asked", "line", "material"]
"""What a passage is in its conversation: what is asked, a line of a longer message that may ask by itself, or all else."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a passage and the stretch of a message that it is."""

    start: int
    message: int
    message_start: int
    length: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to score and where its characters came from.

    Attributes
    ----------
    standing
        What ends in the newest user turn is what is asked.
    """

    text: str
    pieces: tuple[Piece, ...]
    standing: Standing = "material"

    @property
    def messages(self) -> frozenset[int]:
        """The messages that it is made of."""
        return frozenset(piece.message for piece in self.pieces)

    @property
    def parts(self) -> tuple[str, ...]:
        """The texts that were put together, where there are several."""
        if len(self.pieces) == 1:
            return ()
        return tuple(self.text[piece.start : piece.start + piece.length] for piece in self.pieces)

    def in_messages(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Carry a half-open span of the passage to (message, start, end), one for each message it touches."""
        for piece in self.pieces:
            first = max(start, piece.start)
            last = min(end, piece.start + piece.length)
            if first < last:
                shift = piece.message_start - piece.start
                yield piece.message, first + shift, last + shift

    def beginning(self, length: int) -> "Passage":
        """Its first `length` characters."""
        pieces = [
            replace(piece, length=min(piece.length, length - piece.start))
            for piece in self.pieces
            if piece.start < length
        ]
        return Passage(self.text[:length], tuple(pieces), self.standing)


def conversation_passages(conversation: Conversation) -> list[Passage]:
    """The passages of a conversation, newest message first.

    - Every message alone, whatever its role.
    - The content parts of a message joined without a gap, where there are several.
    - Every message's beginning after the end of what came before it: a question in its context.
    - Every user turn's beginning after the end of the user turns before it, replies left out.
    - Stretches of short user turns joined without a gap, as pieces of one word or name would be.
    - The beginnings of the system's messages after the ends of those before them without a gap, as an engine joins them for
      a template that takes one.
    - Lines of the newest messages that may ask by themselves.
    """
    spoken = [(index, message) for index, message in enumerate(conversation.messages) if message.text.strip()]
    passages = [_whole(index, message) for index, message in spoken]
    lines = list(
        islice((line for spoke in reversed(spoken) for line in _asking_lines(*spoke)), _ASKING_LINES)
    )
    if len(spoken) == 1 and len(spoken[0][1].parts) == 1:
        asked = [replace(passages[0], standing="asked")] if spoken[0][1].role == "user" else passages
        return [*asked, *lines]
    passages += [passage for index, message in spoken for passage in _joined_parts(index, message)]
    user = [(index, message) for index, message in spoken if message.role == "user"]
    passages += _seams(spoken, "\n")
    if len(user) < len(spoken):
        passages += _seams(user, "\n")
    short = [(index, message) for index, message in user if len(message.text) <= _SHORT_TURN_CHARACTERS]
    passages += _joined_turns(short)
    passages += _seams([(index, message) for index, message in spoken if message.role in _OF_SYSTEM], "")
    newest = user[-1][0] if user else -1
    unique: dict[str, Passage] = {}
    for passage in passages:
        asks = passage.pieces[-1].message == newest
        if asks or passage.text not in unique:
            unique[passage.text] = replace(passage, standing="asked") if asks else passage
    return [*sorted(unique.values(), key=lambda passage: -passage.pieces[-1].message), *lines]


def _whole(index: int, message: Message) -> Passage:
    return Passage(message.text, (Piece(0, index, 0, len(message.text)),))


def _asking_lines(index: int, message: Message) -> Iterator[Passage]:
    for start, end in reversed(asking_lines(message.text)):
        yield Passage(message.text[start:end], (Piece(0, index, start, end - start),), "line")


def _joined_parts(index: int, message: Message) -> Iterator[Passage]:
    parts = [part for part in message.parts if part.of_content]
    if len(parts) > 1:
        yield join_stretches([(index, message.text[part.start : part.end], part.start) for part in parts], "")


def _joined_turns(turns: Sequence[tuple[int, Message]]) -> Iterator[Passage]:
    stride = _JOINED_CHARACTERS - _JOINED_OVERLAP
    stretches: dict[int, list[tuple[int, str, int]]] = defaultdict(list)
    place = 0
    for index, message in turns:
        first = max(0, (place - _JOINED_CHARACTERS) // stride + 1)
        for number in range(first, place // stride + 1):
            stretches[number].append((index, message.text, 0))
        place += len(message.text)
    return (join_stretches(stretch, "") for stretch in stretches.values() if len(stretch) > 1)


def _seams(messages: Sequence[tuple[int, Message]], separator: str) -> Iterator[Passage]:
    for place in range(1, len(messages)):
        index, message = messages[place]
        backwards = [(index, _beginning(message.text), 0)]
        wanted = _SEAM_CHARACTERS
        for earlier_place in range(place - 1, -1, -1):
            earlier_index, earlier = messages[earlier_place]
            tail = _end(earlier.text, wanted)
            backwards.append((earlier_index, tail, len(earlier.text) - len(tail)))
            wanted -= len(tail) + len(separator)
            if wanted <= 0 or len(tail) < len(earlier.text):
                break
        yield join_stretches(backwards[::-1], separator)


def _beginning(text: str) -> str:
    if len(text) <= _SEAM_CHARACTERS:
        return text
    return text[: gap_before(text, _SEAM_CHARACTERS, _SEAM_CHARACTERS - _TO_A_GAP)]


def _end(text: str, length: int) -> str:
    start = len(text) - length
    return text if start <= 0 else text[gap_after(text, start, min(start + _TO_A_GAP, len(text))) :]


def join_stretches(stretches: Sequence[tuple[int, str, int]], separator: str) -> Passage:
    """A passage of stretches, each given by its message, its text, and where in the message that begins."""
    pieces: list[Piece] = []
    place = 0
    for index, text, start in stretches:
        pieces.append(Piece(place, index, start, len(text)))
        place += len(text) + len(separator)
    return Passage(separator.join(text for _, text, _ in stretches), tuple(pieces))
