"""MUSE's measures of verbatim and of factual memory.

Shi et al., "MUSE: Machine Unlearning Six-Way Evaluation" (arXiv 2407.06460), section 3.2. Both are mean ROUGE-L
F-measures without stemming, as in the public code; the paper reports them times 100.
"""

from collections.abc import Sequence

import numpy as np

from lethe.offline.metrics.rouge import rouge_l

_ANSWER_ENDS = ("\n\n", "\nQuestion", "Question:")


def verbatim_memorization(continuations: Sequence[str], references: Sequence[str]) -> float:
    """VerbMem: how much of the true continuation a model reproduces from the first tokens of a passage.

    Raises
    ------
    ValueError
        When there is no passage or the lengths differ.
    """
    return _mean_rouge(continuations, references)


def knowledge_memorization(answers: Sequence[str], references: Sequence[str]) -> float:
    """KnowMem: how well a model answers questions about the text. Cut each answer first (`first_answer`).

    Raises
    ------
    ValueError
        When there is no question or the lengths differ.
    """
    return _mean_rouge([first_answer(answer) for answer in answers], references)


def first_answer(output: str) -> str:
    """The part of an output before the model goes on to ask itself the next question."""
    for end in _ANSWER_ENDS:
        output = output.split(end)[0]
    return output


def _mean_rouge(outputs: Sequence[str], references: Sequence[str]) -> float:
    if not outputs or len(outputs) != len(references):
        raise ValueError(f"got {len(outputs)} outputs and {len(references)} references")
    return float(
        np.mean(
            [
                rouge_l(reference, output, stemming=False).f_measure
                for output, reference in zip(outputs, references, strict=True)
            ]
        )
    )
