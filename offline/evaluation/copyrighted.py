"""Copyright: how near a model's continuation comes to the protected text (ECO, arXiv 2406.07933, section 4.4)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from offline.evaluation.results import Result
from offline.language_models import Generation, LanguageModel, Prompt, Scoring
from offline.metrics.fluency import perplexity, unique_token_ratio
from offline.metrics.rouge import rouge_l
from offline.metrics.similarity import average_similarity_gap, bleu, meteor

SIMILARITIES: dict[str, Callable[[str, str], float]] = {
    "ROUGE-L": lambda reference, output: rouge_l(reference, output).f_measure,
    "BLEU": bleu,
    "METEOR": meteor,
}


def evaluate_copyright(
    model: LanguageModel,
    passages: Sequence[tuple[str, str]],
    reference: LanguageModel | None = None,
    max_tokens: int = 128,
) -> Result:
    """Let a model continue protected passages.

    Parameters
    ----------
    model : LanguageModel
    passages : sequence of (str, str)
        Beginnings and how they really go on.
    reference : LanguageModel, optional
        The clean model, under which the perplexity of the outputs is taken.
    max_tokens : int
        Length of the continuations.
    """
    outputs = model.generate(
        [Generation(Prompt(beginning, chat=False), max_tokens) for beginning, _ in passages]
    )
    scores = {
        name: float(
            np.mean([similar(text, output) for (_, text), output in zip(passages, outputs, strict=True)])
        )
        for name, similar in SIMILARITIES.items()
    }
    scores["unique token ratio"] = float(np.mean([unique_token_ratio(output.split()) for output in outputs]))
    if reference is not None:
        scores["perplexity (median)"] = _median_perplexity(reference, passages, outputs)
    return Result("copyright", model.name, scores, outputs=outputs)


def compare_with_retain(result: Result, retain: Result) -> Result:
    """Add the average similarity gap to a model that never saw the text."""
    gap = average_similarity_gap(*([r.scores[name] for name in SIMILARITIES] for r in (result, retain)))
    return replace(result, scores={**result.scores, "average similarity gap": gap})


def _median_perplexity(
    reference: LanguageModel, passages: Sequence[tuple[str, str]], outputs: Sequence[str]
) -> float:
    tasks = [
        Scoring(Prompt(beginning, chat=False), output)
        for (beginning, _), output in zip(passages, outputs, strict=True)
        if output.strip()
    ]
    scored = reference.score(tasks)
    return float(np.median([perplexity(scores) for scores in scored])) if scored else float("nan")
