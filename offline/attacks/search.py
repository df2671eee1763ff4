"""Score-guided search: the fewest words around a question with which a detector that tells scores lets it pass.

A detector is whatever gives a margin for each of some wordings, in log-odds above its threshold; each wording is one
query. Knows nothing about proxies and heads.

The search is greedy over rounds: many single edits are tried on the best wording so far, the best of them together,
for detectors are close to additive. Words that lowered other questions of the target most are tried first (`rank_words`),
as universal triggers are (Wallace et al., "Universal Adversarial Triggers for Attacking and Analyzing NLP", 2019).
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lethe.offline.attacks.edits import WordEdit, added_words, additions, apply_edits, drops, own_words, swaps

Margins = Callable[[Sequence[str]], Awaitable[Sequence[float]]]

# Of the budget, what one round of single edits may take.
_ROUND = 0.3
# Of a round's additions, words ranked best; the others are drawn from all.
_RANKED = 0.7
_TOGETHER = (2, 3, 4, 6)


@dataclass(frozen=True)
class SearchLimits:
    """What an attack may do.

    Attributes
    ----------
    queries
        Wordings that may be asked about, for one question.
    added
        Words that may be added.
    dropped
        Share of the question's words that may be dropped.
    """

    queries: int = 100
    added: int = 8
    dropped: float = 0.34


@dataclass(frozen=True)
class Wording:
    """A wording of a question, and the detector's margin."""

    text: str
    margin: float
    edits: tuple[WordEdit, ...] = ()

    @property
    def passes(self) -> bool:
        return self.margin < 0

    @property
    def added(self) -> int:
        return added_words(self.edits)


@dataclass(frozen=True)
class WordSearch:
    """What a search came to: the wording with the least margin, or the shortest of those that pass, and its cost.

    Attributes
    ----------
    first_pass
        After how many queries a wording passed for the first time; None where none did.
    """

    question: str
    plain: float
    best: Wording
    queries: int
    first_pass: int | None


async def search(
    question: str, margins: Margins, words: Sequence[str], limits: SearchLimits, choice: random.Random
) -> WordSearch:
    """Look for a wording that passes.

    Parameters
    ----------
    words
        Words and phrases to add, the best first.
    """
    asked = _Asked(question, margins, limits)
    [plain] = await asked.all([()])
    best = plain
    while not best.passes and asked.left:
        size = max(4, int(_ROUND * limits.queries))
        singles = _singles(best, question, words, size, choice)
        tried = await asked.all([(*best.edits, edit) for edit in singles])
        gains = sorted(tried, key=lambda wording: wording.margin)
        helpful = [each.edits[-1] for each in gains if each.margin < best.margin]
        together = [(*best.edits, *helpful[:count]) for count in _TOGETHER if count <= len(helpful)]
        tried += await asked.all(together)
        best = min([best, *tried], key=lambda wording: wording.margin)
    first_pass = asked.first_pass
    if best.passes:
        best = await _shortened(best, asked)
    return WordSearch(question, plain.margin, best, asked.queries, first_pass)


async def rank_words(questions: Sequence[str], margins: Margins, words: Sequence[str]) -> list[str]:
    """Words by how much each, put behind some questions, lowers their margins; the best first.

    Costs a query for each question, and one for each word on each question.
    """
    plain = np.array(await margins(questions))
    texts = [
        apply_edits(question, [WordEdit("add", len(own_words(question)), word)])
        for word in words
        for question in questions
    ]
    lowered = np.array(await margins(texts)).reshape(len(words), len(questions)) - plain
    order = np.argsort(lowered.mean(axis=1), kind="stable")
    return [words[int(place)] for place in order]


class _Asked:
    """Asks for margins within the budget, each wording once."""

    def __init__(self, question: str, margins: Margins, limits: SearchLimits) -> None:
        self.question = question
        self.queries = 0
        self.first_pass: int | None = None
        self._margins = margins
        self._limits = limits
        self._known: set[str] = set()

    @property
    def left(self) -> int:
        return self._limits.queries - self.queries

    async def all(self, edits: Sequence[tuple[WordEdit, ...]]) -> list[Wording]:
        """The wordings that are new, allowed and within the budget."""
        new: dict[str, tuple[WordEdit, ...]] = {}
        for each in edits:
            text = apply_edits(self.question, each)
            if text not in self._known and self._allowed(each):
                new.setdefault(text, each)
        chosen = list(new.items())[: self.left]
        if not chosen:
            # Nothing is left to try.
            self.queries = max(self.queries, self._limits.queries) if not new else self.queries
            return []
        self._known.update(text for text, _ in chosen)
        found = await self._margins([text for text, _ in chosen])
        passing = [place for place, margin in enumerate(found) if margin < 0]
        if passing and self.first_pass is None:
            self.first_pass = self.queries + passing[0] + 1
        self.queries += len(chosen)
        return [
            Wording(text, float(margin), each) for (text, each), margin in zip(chosen, found, strict=True)
        ]

    def _allowed(self, edits: tuple[WordEdit, ...]) -> bool:
        dropped = sum(edit.kind == "drop" for edit in edits)
        return (
            added_words(edits) <= self._limits.added
            and dropped <= self._limits.dropped * len(own_words(self.question))
            and len({edit.place for edit in edits if edit.kind != "add"})
            == sum(edit.kind != "add" for edit in edits)
        )


def _singles(
    best: Wording, question: str, words: Sequence[str], size: int, choice: random.Random
) -> list[WordEdit]:
    """Edits to try next: swaps and drops that are left, and additions of ranked words and of others."""
    taken = {edit.place for edit in best.edits if edit.kind != "add"}
    own = [edit for edit in (*swaps(question), *drops(question)) if edit.place not in taken]
    choice.shuffle(own)
    own = own[: size // 3]
    count = size - len(own)
    used = {edit.words for edit in best.edits}
    fresh = [word for word in words if word not in used]
    ranked = fresh[: 3 * count]
    chosen = choice.sample(ranked, min(len(ranked), int(_RANKED * count)))
    rest = [word for word in fresh if word not in chosen]
    chosen += choice.sample(rest, min(len(rest), count - len(chosen)))
    return [*own, *additions(question, chosen, choice)]


async def _shortened(best: Wording, asked: _Asked) -> Wording:
    """Without the edits that it passes without, as far as the budget goes."""
    for edit in sorted(best.edits, key=lambda edit: len(edit.words.split())):
        if not asked.left:
            break
        rest = tuple(other for other in best.edits if other is not edit)
        for wording in await asked.all([rest]):
            if wording.passes:
                best = replace(wording, edits=rest)
    return best
