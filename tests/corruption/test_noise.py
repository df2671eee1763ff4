import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lethe.corruption.noise import SeededNoise
from lethe.corruption.philox import philox


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((0xFFFFFFFF,) * 4, 0xFFFFFFFF_FFFFFFFF, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0_A4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_words_its_authors_publish(counter: tuple[int, ...], key: int, words: str) -> None:
    for make in (lambda value: np.array([value], dtype=np.int64), lambda value: torch.tensor([value])):
        result = philox(key, tuple(make(value) for value in counter))  # type: ignore[arg-type]
        assert " ".join(f"{int(word[0]):08x}" for word in result) == words


@pytest.fixture(scope="module")
def sample() -> torch.Tensor:
    return SeededNoise(20240613, torch.arange(1500)).normal(200).double()


def test_moments_are_those_of_the_normal_distribution(sample: torch.Tensor) -> None:
    count = sample.numel()
    assert abs(sample.mean().item()) < 4 / math.sqrt(count)
    assert abs(sample.var().item() - 1) < 4 * math.sqrt(2 / count)
    assert abs((sample**3).mean().item()) < 4 * math.sqrt(15 / count)
    assert abs((sample**4).mean().item() - 3) < 4 * math.sqrt(96 / count)


def test_the_distribution_is_normal(sample: torch.Tensor) -> None:
    assert stats.kstest(sample.flatten().numpy(), "norm").pvalue > 1e-3


def test_neighbours_are_independent(sample: torch.Tensor) -> None:
    bound = 4 / math.sqrt(sample.numel())
    assert abs((sample[:-1] * sample[1:]).mean().item()) < bound
    for distance in (1, 2, 3, 4):
        assert abs((sample[:, :-distance] * sample[:, distance:]).mean().item()) < bound


def test_seeds_are_independent(sample: torch.Tensor) -> None:
    other = SeededNoise(20240614, torch.arange(1500)).normal(200).double()
    assert abs((sample * other).mean().item()) < 4 / math.sqrt(sample.numel())


@given(st.integers(0, 2**64 - 1), st.lists(st.integers(0, 2**20), min_size=1, max_size=20), st.data())
def test_noise_depends_on_seed_position_and_dimension_alone(
    seed: int, positions: list[int], data: st.DataObject
) -> None:
    dims = data.draw(st.integers(1, 12))
    together = SeededNoise(seed, torch.tensor(positions)).normal(12)
    for row, position in enumerate(positions):
        alone = SeededNoise(seed, torch.tensor([position])).normal(dims)
        assert torch.equal(alone[0], together[row, :dims])


@given(st.integers(0, 2**64 - 1), st.integers(1, 64))
def test_chosen_dimensions_are_distinct_and_nested(seed: int, count: int) -> None:
    noise = SeededNoise(seed, torch.tensor([0]))
    chosen = noise.choose(count, 64).tolist()
    assert len(set(chosen)) == count
    assert noise.choose(64, 64).tolist()[:count] == chosen


def test_the_transform_is_as_exact_as_the_library_functions(sample: torch.Tensor) -> None:
    position, dims = 5, 4
    zero = torch.tensor([0])
    words = philox(20240613, (torch.tensor([position]), zero, zero, zero))
    expected = []
    for first, second in ((words[0], words[1]), (words[2], words[3])):
        radius = math.sqrt(-2 * math.log((first.item() + 0.5) / 2**32))
        angle = 2 * math.pi * second.item() / 2**32
        expected += [radius * math.cos(angle), radius * math.sin(angle)]
    assert SeededNoise(20240613, torch.tensor([position])).normal(dims)[0].tolist() == pytest.approx(
        expected, rel=1e-6
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_bits_on_a_gpu_are_those_on_the_processor() -> None:
    positions = torch.arange(512)
    on_processor = SeededNoise(9, positions).normal(1024)
    on_gpu = SeededNoise(9, positions.cuda()).normal(1024).cpu()
    assert torch.equal(on_processor, on_gpu)
