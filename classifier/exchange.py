"""An answer with the conversation that it answers, as passages to score."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lethe.classifier.conversation import BESIDE, Conversation
from lethe.classifier.passages import Passage, join_stretches
from lethe.classifier.text.windows import WINDOW_CHARACTERS, split_windows

# How much of what is asked stands before each stretch of the answer; both fit one window.
_QUESTION_CHARACTERS = 200
_STRETCH_CHARACTERS = WINDOW_CHARACTERS - _QUESTION_CHARACTERS - 1
_STRETCH_OVERLAP = 64
_GAP = re.compile(r"\s")
_LONGEST_WORD = 40


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer so far with the conversation that it answers.

    Attributes
    ----------
    question
        What stands before the answer, as the model read it. An answer to a corrupted prompt is judged without a question,
        which its model did not read either: give a conversation without messages.
    answer
        All of it so far. Where the client has begun it by an assistant turn at the end, that is its beginning, and no
        part of the question.
    complete
        Whether it has ended; what it ends in now will be read again if it has not.
    judged
        How many characters of the answer were judged before, as its beginning: stretches that were whole by then are the
        same now, and are not judged again. What they must reach only rises with the answer's length.
    asked
        Targets that its prompt was found to ask of, so that its model was made not to know them. Less tells of these than
        of a target that nobody asked for.
    """

    question: Conversation
    answer: str
    complete: bool = True
    judged: int = 0
    asked: frozenset[str] = frozenset()

    @classmethod
    def of(cls, conversation: Conversation, text: str, complete: bool = True) -> "Exchange":
        """A text as the answer to a conversation, which the conversation has begun if its last turn is an assistant's."""
        turns = [message for message in conversation.messages if message.role != BESIDE]
        if not turns or turns[-1].role != "assistant":
            return cls(conversation, text, complete)
        begun = turns[-1]
        question = Conversation(
            tuple(message for message in conversation.messages if message is not begun),
            conversation.unreadable,
        )
        return cls(question, begun.text + text, complete)


def exchange_passages(exchange: Exchange) -> list[Passage]:
    """The passages of an exchange, from the answer's beginning on.

    The answer is cut into overlapping stretches that depend on what stands before their ends alone, so that those of a grown
    answer are the earlier ones and a few more. Each is a passage alone, and one more after the end of what is asked.
    In pieces, the answer is the message behind those of the question.
    """
    asked = _asked(exchange.question)
    index = len(exchange.question.messages)
    passages: list[Passage] = []
    for start, end in split_windows(exchange.answer, _STRETCH_CHARACTERS, _STRETCH_OVERLAP):
        if start + _STRETCH_CHARACTERS < exchange.judged:
            continue
        text = exchange.answer[start:end]
        if not text.strip():
            continue
        stretch = (index, text, start)
        passages.append(join_stretches([stretch], ""))
        if asked:
            passages.append(join_stretches([*asked, stretch], "\n"))
    return passages


def _asked(question: Conversation) -> list[tuple[int, str, int]]:
    """The end of the user's turns, the newest first filled up by those before it."""
    return list(_newest_turns(question))[::-1]


def _newest_turns(question: Conversation) -> Iterator[tuple[int, str, int]]:
    room = _QUESTION_CHARACTERS
    for index in range(len(question.messages) - 1, -1, -1):
        message = question.messages[index]
        text = message.text.rstrip()
        if message.role != "user" or not text:
            continue
        start = max(len(text) - room, 0)
        if start:
            # Half a word says nothing, or something else.
            gap = _GAP.search(text, start, start + _LONGEST_WORD)
            start = gap.end() if gap else start
        yield index, text[start:], start
        room -= len(text) - start + 1
        if start or room <= 0:
            return
