"""What is read can be passed on as it was written, or is refused."""

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lethe.server.endpoints import CompletionRequest
from lethe.server.endpoints.exact_json import parse_object
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


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(NUMBERS, st.booleans())
def test_every_number_passes_as_it_is_or_is_refused(value: Any, spaced: bool) -> None:
    raw = json.dumps({"prompt": "hi", "extra": value}, indent=1 if spaced else None).encode()
    if any(not -(2**63) <= number < 2**64 for number in whole_numbers(value)):
        with pytest.raises(BadRequest, match="a whole number must be"):
            CompletionRequest.parse(raw)
    else:
        assert read_exactly(orjson.dumps(CompletionRequest.parse(raw).body)) == read_exactly(raw)


def nested(opening: str, closing: str, levels: int) -> bytes:
    """A body of so many levels, itself among them."""
    return b'{"prompt": "hi", "extra": %b0%b}' % (
        (opening * (levels - 1)).encode(),
        (closing * (levels - 1)).encode(),
    )


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}")])
def test_what_is_nested_too_deeply_to_be_passed_on_is_refused(opening: str, closing: str) -> None:
    body = parse_object(nested(opening, closing, 200))
    assert orjson.loads(orjson.dumps([[body]])) == [[body]]
    for levels in (201, 255, 1000):
        with pytest.raises(BadRequest, match="at most 200 levels deep"):
            parse_object(nested(opening, closing, levels))


def test_a_body_may_be_as_wide_as_it_likes() -> None:
    body = {"input": [[number] for number in range(5000)]}
    assert parse_object(json.dumps(body).encode()) == body


@pytest.mark.parametrize("raw", [b"", b"[]", b"3", b"null", b'{"a": NaN}', b'{"a": 1} {}', b"\xff"])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="JSON"):
        parse_object(raw)
