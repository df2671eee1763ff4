"""From the scores of passages to what is said of each target, and where."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lethe.classifier.conversation import Conversation
from lethe.classifier.exchange import Exchange
from lethe.classifier.head import Head
from lethe.classifier.passages import Passage, Standing
from lethe.classifier.scoring import Scorer
from lethe.classifier.spans import entity_spans
from lethe.classifier.text.canonical import canonicalise
from lethe.classifier.text.ranges import joined_ranges
from lethe.classifier.text_scores import TextScores
from lethe.classifier.verdict import Span, TargetVerdict

ScoredPassages = Sequence[tuple[Passage, TextScores]]
"""The passages that were read by one scorer, with their scores."""

# Characters on each side of what carries a verdict that an excerpt shows.
_AROUND = 160
# In characters: stretches that begin before the one place are the beginning, and together as long as the other says.
_BEGINS_BEFORE, _BEGINNING = 400, 600
# Some thousand tokens. Behind the beginning of an answer up to this long, the same score flags.
_USUAL_ANSWER = 4096
# Log-odds below its threshold from which a head has no doubt. Of questions about a target that are found by their embedding alone, in
# fourteen languages, none stood further below than 3.5, of headings and rows that are taken for such all did.
_PLAINLY_ELSE = 4.0
# Of the half of the share that is for what is asked, where there are lines that may ask by themselves.
_LINES_PART = 0.1
# Log-odds by which a passage exceeds each of its messages where one of them leans on another, or a name is told over several.
# What an ordinary follow-up adds to a flagged question is less.
_LEANING = 2.0


def judge_conversation(
    scorer: Scorer,
    scored: ScoredPassages,
    conversation: Conversation,
    *,
    spans: bool,
    thresholds: Mapping[str, float],
) -> Iterator[TargetVerdict]:
    """What a scorer's targets say of a conversation; where, if spans are wanted.

    Parameters
    ----------
    thresholds
        By target, the probability from which it is flagged, where that is not the target's own.
    """
    heard = [(passage, _as_it_stands(scorer, passage, found)) for passage, found in scored if found.is_heard]
    if not heard:
        return _judge(scorer, (), None, conversation, spans, thresholds)
    lengths = _lengths(scored)
    judged = _by_length(scorer, heard, lengths, scorer.bank.thresholds_with(thresholds))
    return _judge(scorer, judged, _reached(scorer, heard, lengths), conversation, spans, thresholds)


def judge_answer(
    scorer: Scorer, scored: ScoredPassages, exchange: Exchange, *, spans: bool
) -> Iterator[TargetVerdict]:
    """What a scorer's targets say of an answer so far."""
    asked = np.array([head.target in exchange.asked for head in scorer.bank.heads], bool)
    thresholds = _answer_thresholds(scorer, asked)
    judged = _by_answer_length(scorer, scored, len(exchange.answer), thresholds, asked)
    of_asked = {
        head.target: float(head.calibration.probability(threshold))
        for head, threshold, is_asked in zip(scorer.bank.heads, thresholds, asked, strict=True)
        if is_asked
    }
    return _judge(scorer, judged, None, None, spans, of_asked)


def _as_it_stands(scorer: Scorer, passage: Passage, found: TextScores) -> TextScores:
    """The scores that count of a passage: what judges questions is asked of what is a question.

    A conversation has one newest turn, and may have a hundred others as short: there it would be wrong too often. So it would be of
    lines of material, of which those are taken for questions that are not plainly something else to the rest of a head.
    """
    if passage.standing == "asked":
        return found
    material = found.as_material
    if passage.standing == "material":
        return material
    near = material.scores >= scorer.bank.thresholds - _PLAINLY_ELSE
    return dataclasses.replace(found, scores=np.where(near, found.scores, material.scores), of_material=None)


def _judge(
    scorer: Scorer,
    judged: Sequence["_Judged"],
    reached: NDArray[np.float32] | None,
    named: Conversation | None,
    with_spans: bool,
    thresholds: Mapping[str, float],
) -> Iterator[TargetVerdict]:
    """The verdicts on passages whose scores are lowered by how much was read, with the target's names in a conversation."""
    scores = scorer.nothing_found()
    for each in judged:
        np.maximum(scores, each.lowered, out=scores)
    probabilities = scorer.probability(scores).tolist()
    reach = [0.0] * len(probabilities) if reached is None else _reach(scorer, reached)
    for index, (head, probability) in enumerate(zip(scorer.bank.heads, probabilities, strict=True)):
        threshold = thresholds.get(head.target, head.threshold)
        verdict = TargetVerdict(head.target, probability, threshold, reach=reach[index])
        if verdict.flagged:
            carrying = [each for each in judged if each.carries(each.found.scores)[index]]
            spans = _evidence(carrying, index) + (_entities(named, head) if named else ())
            messages = _carrying_messages(judged, carrying, index) if named else ()
            verdict = dataclasses.replace(
                verdict,
                spans=spans if with_spans else (),
                messages=_alike(named, frozenset(messages)) if named else (),
                excerpts=_excerpts(carrying, index) if with_spans and named else (),
            )
        yield verdict


def unreadable_stretches(scored: ScoredPassages, exchange: Exchange | None = None) -> tuple[str, ...]:
    """Where a conversation, or an answer, is no language, in one line for each stretch of a message.

    Where several messages are read together, what stands in one of them is told where that is read alone.
    """
    answer = None if exchange is None else len(exchange.question.messages)
    stretches: set[tuple[int, int, int]] = set()
    for passage, found in scored:
        # A line by itself is called so sooner than where it stands.
        for first, last in () if passage.standing == "line" else found.unreadable:
            touched = list(passage.in_messages(first, last))
            if len(passage.pieces) == 1 or (answer is None and len(touched) > 1):
                stretches.update(touched)
    return tuple(
        f"{'the answer' if message == answer else f'message {message + 1}'} is no language from character {start} to {end}"
        for message, start, end in _by_message(stretches)
    )


def _by_message(stretches: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Stretches of messages in their order, those that overlap as one."""
    joined: list[tuple[int, int, int]] = []
    for message, start, end in sorted(stretches):
        if joined and joined[-1][0] == message and start <= joined[-1][2]:
            _, start, before = joined.pop()
            end = max(end, before)
        joined.append((message, start, end))
    return joined


@dataclass(frozen=True)
class _Judged:
    """A passage with its scores, from which on they flag, and by how much they are lowered for how much was read."""

    passage: Passage
    found: TextScores
    thresholds: NDArray[np.float32]
    raised: NDArray[np.float32]

    @property
    def lowered(self) -> NDArray[np.float32]:
        return self.found.scores - self.raised

    def carries(self, scores: NDArray[np.float32]) -> NDArray[np.bool_]:
        """For each target, whether scores of it, or of a part of it, flag it, (H,)."""
        return scores - self.raised >= self.thresholds


def _by_length(
    scorer: Scorer, heard: ScoredPassages, lengths: Mapping[Standing, int], thresholds: NDArray[np.float32]
) -> list[_Judged]:
    """The passages with scores to be lowered by how much was read of what stands likewise."""
    raised = {standing: scorer.raised(length, thresholds) for standing, length in lengths.items()}
    return [_Judged(passage, found, thresholds, raised[passage.standing]) for passage, found in heard]


def _carrying_messages(judged: Sequence[_Judged], carrying: Sequence[_Judged], index: int) -> Set[int]:
    """The messages flagged by themselves, and all of a passage that says more than any such part of it does."""
    # By the first one: messages that are read together, or one alone, with their scores.
    parts: dict[int, list[tuple[frozenset[int], NDArray[np.float32]]]] = defaultdict(list)
    for each in judged:
        if len(each.passage.messages) == 1:
            parts[min(each.passage.messages)].append((each.passage.messages, each.found.scores))
    messages: set[int] = set()
    for each in sorted(carrying, key=lambda each: len(each.passage.messages)):
        whole = each.passage.messages
        # The threshold is that of the passage, which may be lower than that of a message before the newest turn.
        explaining = [
            part
            for first in whole
            for part, scores in parts[first]
            if part <= whole and each.carries(scores)[index]
            if part == whole or each.found.scores[index] - scores[index] < _LEANING
        ]
        if not explaining:
            parts[min(whole)].append((whole, each.found.scores))
        messages = messages.union(*explaining or [whole])
    return messages


def _alike(conversation: Conversation, messages: Set[int]) -> tuple[int, ...]:
    """These messages and all that say the same, of which only one was read."""
    texts = {conversation.messages[message].text for message in messages}
    return tuple(index for index, message in enumerate(conversation.messages) if message.text in texts)


def _reach(scorer: Scorer, reached: NDArray[np.float32]) -> list[float]:
    probabilities = scorer.probability(reached).tolist()
    return [
        0.0 if score == -np.inf else probability
        for score, probability in zip(reached.tolist(), probabilities, strict=True)
    ]


def _reached(scorer: Scorer, heard: ScoredPassages, lengths: Mapping[Standing, int]) -> NDArray[np.float32]:
    """The highest scores that are as high as their passages' lengths ask at any threshold, (H,); -inf where none is."""
    reached = scorer.nothing_found()
    for passage, found in heard:
        enough = found.scores >= scorer.needed(lengths[passage.standing])
        np.maximum(reached, found.scores, out=reached, where=enough)
    return reached


def _lengths(scored: ScoredPassages) -> dict[Standing, int]:
    """How many characters were read of what stands how, as so many that a whole half of the share were for them."""
    asked = max((len(passage.text) for passage, _ in scored if passage.standing == "asked"), default=0)
    material = sum(len(passage.text) for passage, _ in scored if passage.standing == "material")
    lines = sum(map(len, {passage.text for passage, _ in scored if passage.standing == "line"}))
    if lines:
        asked = round(asked / (1 - _LINES_PART))
    return {"asked": asked, "line": round(lines / _LINES_PART), "material": material}


def _answer_thresholds(scorer: Scorer, asked: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The scores from which an answer is flagged, (H,): lower for targets that its prompt asks of."""
    ordinary = scorer.bank.thresholds
    if not asked.any():
        return ordinary
    return np.where(asked, np.minimum(ordinary, scorer.needed_if_asked(_BEGINNING)), ordinary)


def _by_answer_length(
    scorer: Scorer,
    scored: ScoredPassages,
    characters: int,
    thresholds: NDArray[np.float32],
    asked: NDArray[np.bool_],
) -> list[_Judged]:
    """The passages with scores to be lowered by how much is read: of an answer's beginning, and of all else.

    Both are as much for every answer of usual length, so that looks at a growing one are no more chances to be wrong than
    one at its end.

    Parameters
    ----------
    asked
        (H,), which targets the prompt asks of.
    """
    lengths = {True: _BEGINNING, False: max(characters, _USUAL_ANSWER)}
    raised = {begins: scorer.raised(length, thresholds) for begins, length in lengths.items()}
    if asked.any():
        for begins, length in lengths.items():
            above = np.maximum(scorer.needed_if_asked(length) - thresholds, 0)
            raised[begins] = np.where(asked, above, raised[begins])
    return [_Judged(passage, found, thresholds, raised[_begins(passage)]) for passage, found in scored]


def _begins(passage: Passage) -> bool:
    """Whether the stretch of an answer that a passage ends in belongs to its beginning."""
    return passage.pieces[-1].message_start < _BEGINS_BEFORE


def _evidence(carrying: Sequence[_Judged], index: int) -> tuple[Span, ...]:
    spans = {
        Span(message, start, end, span.weight, span.kind)
        for each in carrying
        for span in each.found.spans.get(index, ())
        for message, start, end in each.passage.in_messages(span.start, span.end)
    }
    return tuple(_merged(sorted(spans, key=lambda span: (span.message, span.start, span.end))))


def _excerpts(carrying: Sequence[_Judged], index: int) -> tuple[str, ...]:
    """What carries a head's verdict, in the text around it; nothing where not all of it can be read plainly."""
    found = [(each.passage.text, span) for each in carrying for span in each.found.spans.get(index, ())]
    if any(span.disguised for _, span in found):
        return ()
    by_text: dict[str, list[tuple[int, int]]] = {}
    for text, span in found:
        by_text.setdefault(text, []).append((max(span.start - _AROUND, 0), span.end + _AROUND))
    excerpts = [
        canonicalise(text[start:end]).text
        for text, places in by_text.items()
        for start, end in joined_ranges(places)
    ]
    # Of a message and of where it meets another, the shorter says nothing more.
    longest: list[str] = []
    for excerpt in sorted(dict.fromkeys(excerpts), key=len, reverse=True):
        if not any(excerpt in other for other in longest):
            longest.append(excerpt)
    return tuple(longest)


def _merged(spans: list[Span]) -> list[Span]:
    """Join spans that overlap, as those of overlapping windows and of seams do."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last is not None and last.message == span.message and span.start < last.end:
            weight = max(last.weight, span.weight)
            merged[-1] = Span(last.message, last.start, max(last.end, span.end), weight, last.kind)
        else:
            merged.append(span)
    return merged


def _entities(conversation: Conversation, head: Head) -> tuple[Span, ...]:
    return tuple(
        Span(index, span.start, span.end, span.weight, span.kind)
        for index, message in enumerate(conversation.messages)
        for span in entity_spans(head.entities, message.text)
    )
