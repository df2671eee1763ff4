"""Normal noise as a pure function of (seed, absolute position, dimension).

Chunked prefill, recompute after preemption, retries, tensor-parallel ranks and replicas all see the same
noise, whatever device they are on: the words come from Philox, and from words to normal values lead only
single IEEE operations on float64, which every device rounds alike. Library sine and logarithm would not do.
"""

import math

import torch
from torch import Tensor

from lethe.corruption.philox import philox

# The fourth counter word keeps uses of one seed apart; 2 is taken by lethe.corruption.functions.
_NORMAL_STREAM = 0
_CHOICE_STREAM = 1

# Half the odd powers' reciprocals: log m = 2 artanh((m - 1) / (m + 1)), |argument| < 0.18.
_ARTANH = [1 / power for power in range(1, 20, 2)]
_SINE = [(-1) ** k / math.factorial(2 * k + 1) for k in range(8)]
_COSINE = [(-1) ** k / math.factorial(2 * k) for k in range(8)]


class SeededNoise:
    """The noise of one seed at given token positions; see `lethe.corruption.functions.Noise`.

    Parameters
    ----------
    seed
        In [0, 2**64).
    positions
        Absolute position of each row's token, shape (T,), int64, on the device of the rows.
    """

    def __init__(self, seed: int, positions: Tensor):
        self.seed = seed
        self.positions = positions

    def normal(self, dims: int) -> Tensor:
        blocks = torch.arange((dims + 3) // 4, device=self.positions.device)  # (B,)
        zero = torch.zeros((), dtype=torch.int64, device=self.positions.device)
        words = philox(self.seed, (self.positions[:, None], blocks[None, :], zero, zero + _NORMAL_STREAM))
        values = (*_box_muller(words[0], words[1]), *_box_muller(words[2], words[3]))  # four of (T, B)
        return torch.stack(values, dim=2).flatten(1)[:, :dims].float()

    def choose(self, count: int, dims: int) -> Tensor:
        numbers = torch.arange(dims, device=self.positions.device)
        zero = torch.zeros_like(numbers)
        words = philox(self.seed, (numbers, zero, zero, zero + _CHOICE_STREAM))
        return words[0].sort(stable=True).indices[:count]


def _box_muller(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Two independent normal values for two words (Box and Muller, 1958), in float64."""
    radius = (_log_of_word(first) * -2.0).sqrt()
    sine, cosine = _sine_and_cosine_of_turn(second)
    return radius * cosine, radius * sine


def _log_of_word(word: Tensor) -> Tensor:
    """Give log((word + 1/2) / 2**32), always below zero."""
    mantissa, exponent = torch.frexp(word.double() + 0.5)  # mantissa in [1/2, 1)
    small = mantissa < math.sqrt(0.5)
    mantissa = torch.where(small, mantissa * 2.0, mantissa)
    exponent = exponent.double() - small.double() - 32.0
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    return _polynomial(_ARTANH, ratio * ratio) * ratio * 2.0 + exponent * math.log(2.0)


def _sine_and_cosine_of_turn(word: Tensor) -> tuple[Tensor, Tensor]:
    """Sine and cosine of the angle that is word / 2**32 of a full turn."""
    quarter = ((word + (1 << 29)) >> 30) & 3
    rest = word - (quarter << 30)
    # The last eighth of a turn is nearer to the next one's start.
    rest = torch.where(rest >= (1 << 31), rest - (1 << 32), rest)
    angle = rest.double() * (math.pi / (1 << 31))  # within an eighth of a turn
    square = angle * angle
    sine = _polynomial(_SINE, square) * angle
    cosine = _polynomial(_COSINE, square)
    odd = (quarter & 1) == 1
    sine, cosine = torch.where(odd, cosine, sine), torch.where(odd, sine, cosine)
    return (
        torch.where(quarter >= 2, -sine, sine),
        torch.where((quarter == 1) | (quarter == 2), -cosine, cosine),
    )


def _polynomial(coefficients: list[float], argument: Tensor) -> Tensor:
    value = torch.full_like(argument, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * argument + coefficient
    return value
