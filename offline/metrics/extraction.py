"""How much of an answer a model holds verbatim: what greedy decoding gets right behind the true beginning."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def exact_memorization(greedy: Sequence[bool]) -> float:
    """Share of an answer's tokens that are the likeliest behind the true ones before them, in [0, 1].

    Parameters
    ----------
    greedy
        For each answer token, whether it is the model's first choice behind the question and the true tokens before it.

    Notes
    -----
    Tirumala et al., "Memorization Without Overfitting" (arXiv 2205.10770), section 3; OpenUnlearning's ``exact_memorization``.

    Raises
    ------
    ValueError
        When there is no token.
    """
    return float(np.mean(_checked(greedy)))


def extraction_strength(greedy: Sequence[bool]) -> float:
    """How little of an answer must be given for greedy decoding to complete it: ``1 - min{k} / |a|``, in (0, 1].

    Parameters
    ----------
    greedy
        As for `exact_memorization`: decoding from the first k true tokens on gives all others just where all of these are
        first choices.

    Notes
    -----
    Carlini et al., "Extracting Training Data from Large Language Models" (arXiv 2012.07805), as OpenUnlearning has it. By the
    definition an answer whose last token is no first choice scores 0; OpenUnlearning's code, and so all of its published
    figures, gives ``1 / |a|``, as if the last token were always right. We follow the code.

    Raises
    ------
    ValueError
        When there is no token.
    """
    right = _checked(greedy)
    wrong = np.flatnonzero(~right[:-1])
    given = int(wrong[-1]) + 1 if len(wrong) else 0
    if not right[-1]:
        given = len(right) - 1
    return 1 - given / len(right)


def _checked(greedy: Sequence[bool]) -> NDArray[np.bool_]:
    right = np.asarray(greedy, np.bool_)
    if right.ndim != 1 or not len(right):
        raise ValueError(f"an answer needs at least one token, got an array of shape {right.shape}")
    return right
