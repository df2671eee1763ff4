"""Whether outputs give away facts that were to be forgotten."""

import re
from collections.abc import Sequence

# Thai, Lao, Burmese, Khmer, Japanese, Chinese, Korean: no space tells where a word ends, or a particle hangs on it.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_IS_UNSPACED, _LETTER = re.compile(f"[{_UNSPACED}]"), rf"[^\W{_UNSPACED}]"


def leaked_facts(output: str, facts: Sequence[str], prompt: str = "") -> tuple[str, ...]:
    """Facts that an output names and its prompt does not.

    A name that the prompt already contains is no leak: repeating "Harry Potter" back shows no knowledge.

    Parameters
    ----------
    output
        Generated text.
    facts
        Words or phrases that betray knowledge, matched without regard to case, and whole-word where words are spaced.
    prompt
        What the model was asked.
    """
    return tuple(fact for fact in facts if _names(output, fact) and not _names(prompt, fact))


def leak_rate(outputs: Sequence[str], facts: Sequence[Sequence[str]], prompts: Sequence[str]) -> float:
    """Fraction of outputs that name at least one fact of their question [ours].

    Parameters
    ----------
    outputs, prompts
        Generated texts and what was asked, in the same order.
    facts
        For each output, the facts that would be a leak.

    Raises
    ------
    ValueError
        When there is no output or the lengths differ.
    """
    if not outputs or not len(outputs) == len(facts) == len(prompts):
        raise ValueError(f"got {len(outputs)} outputs, {len(facts)} fact lists and {len(prompts)} prompts")
    leaks = [
        bool(leaked_facts(output, listed, prompt))
        for output, listed, prompt in zip(outputs, facts, prompts, strict=True)
    ]
    return sum(leaks) / len(leaks)


def _names(text: str, fact: str) -> bool:
    before = "" if _IS_UNSPACED.match(fact[:1]) else f"(?<!{_LETTER})"
    behind = "" if _IS_UNSPACED.match(fact[-1:]) else f"(?!{_LETTER})"
    return re.search(f"{before}{re.escape(fact)}{behind}", text, re.IGNORECASE) is not None
