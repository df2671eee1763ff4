"""What a search gets past a head: wordings of prompts that it flags, and the same words around prompts that it may not flag."""

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lethe.classifier.head import Head
from lethe.classifier.scoring import Scorer
from lethe.offline.attacks.edits import additions, apply_edits
from lethe.offline.attacks.search import SearchLimits, WordSearch, rank_words, search
from lethe.offline.classifier_training.cores import OnDone, on_all_cores

# A margin of what the first tier lets pass, in log-odds; any low one will do.
_PASSED = -20.0
# Wordings of one prompt that are learned from: the least flagged of those asked about.
_LEARNED = 4
_RANKED_ON = 4
# Words that are put around an allowed prompt, so that none comes to speak for the target.
_FEW_WORDS = (1, 3)
# Words of ordinary and near prompts, single and in a row, that a search chooses from.
_WORDS, _PHRASES = 150, 250


@dataclass(frozen=True)
class Attacked:
    """What a round's attack came to.

    Attributes
    ----------
    searches
        One for each prompt.
    wordings
        What is to be flagged.
    words
        What was added, the most effective first.
    """

    searches: tuple[WordSearch, ...]
    wordings: tuple[str, ...]
    words: tuple[str, ...]

    def flipped(self, queries: int) -> int:
        """How many prompts got past within as many queries."""
        return sum(each.first_pass is not None and each.first_pass <= queries for each in self.searches)


def attack_head(
    scorer: Scorer,
    head: Head,
    prompts: Sequence[str],
    words: Sequence[str],
    queries: int,
    seed: int,
    on_done: OnDone,
) -> Attacked:
    """Search for wordings of flagged prompts that a head does not flag."""
    tried: dict[str, float] = {}
    threshold = head.calibration.score(head.threshold)

    async def margins(texts: Sequence[str]) -> list[float]:
        scores = on_all_cores(lambda text: float(scorer.score_text(text).scores[0]), list(texts))
        found = [max(score - threshold, _PASSED) for score in scores]
        tried.update(zip(texts, found, strict=True))
        return found

    async def run() -> Attacked:
        ranked = await rank_words(prompts[:_RANKED_ON], margins, words)
        searches: list[WordSearch] = []
        wordings: list[str] = []
        for prompt in prompts:
            tried.clear()
            choice = random.Random(f"{seed}:{prompt}")
            searches.append(await search(prompt, margins, ranked, SearchLimits(queries), choice))
            wordings += sorted(tried, key=lambda text: tried[text])[:_LEARNED]
            on_done(len(searches), len(prompts))
        return Attacked(tuple(searches), tuple(wordings), tuple(ranked))

    return asyncio.run(run())


def with_words(
    prompts: Sequence[str], words: Sequence[str], choice: random.Random, count: tuple[int, int] = _FEW_WORDS
) -> list[str]:
    """Prompts with some words among theirs, at least and at most so many."""

    def chosen() -> list[str]:
        return choice.sample(words, min(len(words), choice.randint(*count)))

    return [apply_edits(prompt, list(additions(prompt, chosen(), choice))) for prompt in prompts]


def words_of(prompts: Sequence[str], choice: random.Random) -> list[str]:
    """Words and phrases of some prompts. Those of `lethe.offline.attacks.words` are left to who measures."""
    words = list(dict.fromkeys(word for text in prompts for word in re.findall(r"[^\W\d_]{4,}", text)))
    phrases: list[str] = []
    for text in prompts:
        own = text.rstrip("?.! ").split()
        if len(own) >= 4:
            length = choice.randint(2, 4)
            first = choice.randint(0, len(own) - length)
            phrases.append(" ".join(own[first : first + length]))
    return [
        *choice.sample(words, min(_WORDS, len(words))),
        *choice.sample(phrases, min(_PHRASES, len(phrases))),
    ]
