"""How much likelier wrong answers are than a true one that was never trained on."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

Averaging = Literal["geometric", "arithmetic"]


def truth_ratio(paraphrased: float, perturbed: Sequence[float], averaging: Averaging = "geometric") -> float:
    """Truth ratio R of one question: wrong answers against a paraphrase of the true one.

    A model that knows the fact scores well under 1; one that does not know it scores about 1.

    Parameters
    ----------
    paraphrased
        Mean token log-probability of the paraphrased true answer.
    perturbed
        Mean token log-probability of each wrong answer.
    averaging
        How the wrong answers are averaged. The TOFU paper writes the arithmetic mean of
        ``P(wrong) ** (1 / |wrong|)``; its public code averages the losses, which is the geometric mean, and so are
        all published logs and figures. The default follows the code, so that figures can be compared.

    Notes
    -----
    Maini et al., TOFU (arXiv 2401.06121), section 2.2.1, equation 1.

    Raises
    ------
    ValueError
        When there is no wrong answer, or the averaging is unknown.
    """
    wrong = np.asarray(perturbed, dtype=np.float64)
    if wrong.size == 0:
        raise ValueError("a truth ratio needs at least one wrong answer")
    if averaging == "geometric":
        log_wrong = float(wrong.mean())
    elif averaging == "arithmetic":
        log_wrong = float(np.logaddexp.reduce(wrong) - np.log(wrong.size))
    else:
        raise ValueError(f"averaging is 'geometric' or 'arithmetic', got {averaging!r}")
    return float(np.exp(log_wrong - paraphrased))


def truthfulness(ratio: float) -> float:
    """``max(0, 1 - R)``: the form in which the truth ratio enters the model utility (TOFU, section 2.2.1)."""
    return max(0.0, 1.0 - ratio)
