"""What is read can be passed on as it was written, or is refused."""

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lethe.server.endpoints import CompletionRequest
from lethe.server.errors import BadRequest


def read_exactly(raw: bytes) -> Any:
    """What a parser reads that loses nothing, each number with its kind."""
    return json.loads(
        raw, parse_int=lambda digits: ("int", int(digits)), parse_float=lambda text: ("float", float(text))
    )


def whole_numbers(value: Any) -> Iterator[int]:
    """The whole numbers in a JSON value."""
    if isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from whole_numbers(each)
    elif isinstance(value, int):
        yield value


DIGITS = st.integers(-(10**25), 10**25) | st.sampled_from([2**63, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1])
NUMBERS = st.recursive(
    DIGITS | st.floats(allow_nan=False, allow_infinity=False) | st.text('0123456789"\\-.e', max_size=30),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text('12\\"', max_size=25), children, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(NUMBERS, st.booleans())
def test_every_number_passes_as_it_is_or_is_refused(value: Any, spaced: bool) -> None:
    raw = json.dumps({"prompt": "hi", "extra": value}, indent=1 if spaced else None).encode()
    if any(not -(2**63) <= number < 2**64 for number in whole_numbers(value)):
        with pytest.raises(BadRequest, match="a whole number must be"):
            CompletionRequest.parse(raw)
    else:
        assert read_exactly(orjson.dumps(CompletionRequest.parse(raw).body)) == read_exactly(raw)
