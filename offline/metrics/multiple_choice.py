"""Accuracy on multiple-choice questions from the log-probabilities of their options."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def chosen_option(option_log_probabilities: ArrayLike) -> int:
    """Index of the likeliest option; the first one on a tie, as ``argmax`` has it.

    Parameters
    ----------
    option_log_probabilities
        Shape (options,). Log-probability (or logit: the order is the same) of each option's letter as the next token.

    Raises
    ------
    ValueError
        With fewer than two options or a value that is not a number.
    """
    values = np.asarray(option_log_probabilities, dtype=np.float64)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"a choice needs at least two options, got an array of shape {values.shape}")
    if np.any(np.isnan(values)):
        raise ValueError("an option has no log-probability (NaN)")
    return int(np.argmax(values))


def multiple_choice_accuracy(option_log_probabilities: Sequence[ArrayLike], correct: Sequence[int]) -> float:
    """Fraction of questions whose likeliest option is the correct one.

    The rule of MMLU (Hendrycks et al. 2021) and WMDP (Li et al. 2024, arXiv 2403.03218): the letter with the highest
    logit after "Answer:". A model without the knowledge scores 1 / options.

    Raises
    ------
    ValueError
        When there is no question or the two lengths differ.
    """
    if not correct or len(option_log_probabilities) != len(correct):
        raise ValueError(
            f"got options for {len(option_log_probabilities)} questions and {len(correct)} answers"
        )
    hits = [
        chosen_option(options) == answer
        for options, answer in zip(option_log_probabilities, correct, strict=True)
    ]
    return float(np.mean(hits))
