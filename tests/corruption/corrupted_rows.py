"""What a corruption puts in a prompt's rows, worked out one row at a time, and prompts that have much in common."""

from hypothesis import strategies as st

from lethe.corruption.artifact import Corruption
from lethe.corruption.functions import FUNCTIONS, TokenOrder
from lethe.corruption.request import CorruptionRequest, PlacedCorruption, all_but_last

Row = tuple[int, tuple[tuple[Corruption, int], ...]]
"""The token whose embedding stands there, and what was done to it, each with the position where it was done."""

CORRUPTIONS = (
    Corruption("rand_noise_first_n", 1.0, 2, seed=1),
    Corruption("rand_noise_first_n", 1.0, 2, seed=2),
    Corruption("zero_out_first_n", 0.0, 2),
    Corruption("add_vector_first_n", 1.0, 2, (0.5, 1.0)),
    Corruption("add_vector_first_n", 1.0, 2, (0.5, 2.0)),
    Corruption("reverse_order", 0.0, 1),
    Corruption("shuffle", 0.0, 1, seed=1),
)
LENGTHS = st.integers(1, 14)


def prompts() -> st.SearchStrategy[list[int]]:
    """Of few tokens, so that equal ones are common."""
    return LENGTHS.flatmap(lambda length: st.lists(st.integers(1, 3), min_size=length, max_size=length))


@st.composite
def corrupted_prompts(draw: st.DrawFn) -> tuple[list[int], CorruptionRequest]:
    """A prompt and a corruption that fits it."""
    prompt = draw(prompts())
    placed = st.builds(
        PlacedCorruption,
        target=st.sampled_from(["one", "other"]),
        version=st.just("1"),
        corruption=st.sampled_from(CORRUPTIONS),
        ranges=_ranges(len(prompt)),
    )
    return prompt, CorruptionRequest(tuple(draw(st.lists(placed, min_size=1, max_size=3))))


@st.composite
def _ranges(draw: st.DrawFn, length: int) -> tuple[tuple[int, int], ...] | None:
    edges = sorted(draw(st.sets(st.integers(0, length), max_size=4)))
    return tuple(zip(edges[::2], edges[1::2], strict=False)) or None


def rows_of(prompt: list[int], request: CorruptionRequest) -> list[Row]:
    """Every row of the prompt, as the corruption leaves it."""
    rows: list[Row] = clean_rows(prompt)
    for placed in request.placed:
        ranges = all_but_last(len(prompt)) if placed.ranges is None else placed.ranges
        places = [place for start, end in ranges for place in range(start, end)]
        function = FUNCTIONS[placed.corruption.function]
        if isinstance(function, TokenOrder):
            order = function.apply(len(places), placed.corruption.seed)
            moved = [rows[places[index]] for index in order]
        else:
            moved = [(rows[place][0], (*rows[place][1], (placed.corruption, place))) for place in places]
        for place, row in zip(places, moved, strict=True):
            rows[place] = row
    return rows


def clean_rows(prompt: list[int]) -> list[Row]:
    """Every row of the prompt without a corruption."""
    return [(token, ()) for token in prompt]
