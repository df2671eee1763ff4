"""How the learning rate goes, as a function of the step alone, so that a training that goes on needs no state of it."""

import math


def warm_then_cosine(step: int, steps: int) -> float:
    """Factor of the learning rate at a step, counted from 0: up over the first tenth, then down along a cosine.

    transformers' schedule of the same name begins with a step at rate 0, which changes nothing.
    """
    warm_up = max(1, steps // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
