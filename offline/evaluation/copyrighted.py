"""Copyright: how near a model's continuation comes to the protected text (ECO, arXiv 2406.07933, section 4.4)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lethe.classifier.encoders.encoder import Encoder
from lethe.classifier.encoders.loading import load_encoder
from lethe.offline.evaluation.results import Result
from lethe.offline.language_models import Generation, LanguageModel, Prompt, Scoring
from lethe.offline.metrics.fluency import perplexity, unique_token_ratio
from lethe.offline.metrics.rouge import rouge_l
from lethe.offline.metrics.similarity import average_similarity_gap, bleu, embedding_similarity, meteor

SIMILARITIES: dict[str, Callable[[str, str], float]] = {
    "ROUGE-L": lambda reference, output: rouge_l(reference, output).f_measure,
    "BLEU": bleu,
    "METEOR": meteor,
}
EMBEDDING_SIMILARITY = "embedding similarity"


def evaluate_copyright(
    model: LanguageModel,
    passages: Sequence[tuple[str, str]],
    reference: LanguageModel | None = None,
    max_tokens: int = 128,
    encoder: Encoder | None = None,
) -> Result:
    """Let a model continue protected passages.

    Parameters
    ----------
    passages
        Beginnings and how they really go on.
    reference
        The clean model, under which the perplexity of the outputs is taken.
    max_tokens
        Length of the continuations.
    encoder
        Embeds both texts for the likeness of their meaning; the default encoder in full precision if none is given.
    """
    encoder = encoder or load_encoder(precision="float32")
    outputs = model.generate(
        [Generation(Prompt(beginning, chat=False), max_tokens) for beginning, _ in passages]
    )
    scores = {
        name: float(
            np.mean([similar(text, output) for (_, text), output in zip(passages, outputs, strict=True)])
        )
        for name, similar in SIMILARITIES.items()
    }
    scores[EMBEDDING_SIMILARITY] = float(
        np.mean(
            [_likeness(encoder, text, output) for (_, text), output in zip(passages, outputs, strict=True)]
        )
    )
    scores["unique token ratio"] = float(np.mean([unique_token_ratio(output.split()) for output in outputs]))
    if reference is not None:
        scores["perplexity (median)"] = _median_perplexity(reference, passages, outputs)
    return Result("copyright", model.name, scores, outputs=outputs)


def compare_with_retain(result: Result, retain: Result) -> Result:
    """Add the average similarity gap to a model that never saw the text."""
    gap = average_similarity_gap(
        *([r.scores[name] for name in (*SIMILARITIES, EMBEDDING_SIMILARITY)] for r in (result, retain))
    )
    return replace(result, scores={**result.scores, "average similarity gap": gap})


def _likeness(encoder: Encoder, text: str, output: str) -> float:
    """BERTScore's F1 over the encoder's token embeddings; 0 for an output without tokens."""
    sides = []
    for part in (text, output):
        token_ids = encoder.tokenize(part).ids[: encoder.maximum_tokens]
        if not len(token_ids):
            return 0.0
        sides.append(encoder.without_specials(encoder.encode(token_ids)))
    return embedding_similarity(*sides).f1


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
