import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.corruption.artifact import Corruption
from lethe.corruption.functions import FUNCTIONS
from lethe.corruption.request import (
    XARGS_KEY,
    CorruptionRequest,
    CorruptionRequestError,
    PlacedCorruption,
    prompt_digest,
)

finite_floats = st.floats(-1e6, 1e6, width=32)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def corruptions(draw: st.DrawFn) -> Corruption:
    function = draw(st.sampled_from(sorted(FUNCTIONS)))
    dims = draw(st.integers(1, 16))
    vector = None
    if FUNCTIONS[function].takes_vector:
        vector = tuple(draw(st.lists(finite_floats, min_size=dims, max_size=dims)))
    return Corruption(
        function=function,
        strength=draw(st.floats(0, 1e6)),
        dims=dims,
        vector=vector,
        seed=draw(st.integers(0, 2**64 - 1)),
        positions=draw(st.sampled_from(["all_but_last", "user_content", "flagged_spans", "entities"])),
    )


@st.composite
def token_ranges(draw: st.DrawFn) -> tuple[tuple[int, int], ...] | None:
    edges = sorted(draw(st.sets(st.integers(0, 10_000), min_size=0, max_size=8)))
    pairs = tuple(zip(edges[::2], edges[1::2], strict=False))
    return pairs or None


@st.composite
def corruption_requests(draw: st.DrawFn) -> CorruptionRequest:
    placed = st.builds(
        PlacedCorruption,
        target=st.text(max_size=20),
        version=st.text(max_size=12),
        corruption=corruptions(),
        ranges=token_ranges(),
    )
    return CorruptionRequest(
        placed=tuple(draw(st.lists(placed, min_size=1, max_size=3))),
        prompt_tokens=draw(st.none() | st.integers(0, 10**6)),
        prompt_digest=draw(st.none() | st.text("0123456789abcdef", min_size=16, max_size=16)),
    )


@pytest.fixture
def request_for_one_target() -> CorruptionRequest:
    corruption = Corruption("rand_noise_first_n", 2.0, 1, seed=7)
    return CorruptionRequest((PlacedCorruption("books", "1", corruption, ((0, 4),)),), 5, "ab" * 8)


@given(corruption_requests())
def test_a_request_survives_the_wire(request: CorruptionRequest) -> None:
    assert CorruptionRequest.from_xargs(request.to_xargs()) == request


@given(corruption_requests())
def test_the_wire_carries_one_string(request: CorruptionRequest) -> None:
    assert [(key, type(value)) for key, value in request.to_xargs().items()] == [(XARGS_KEY, str)]


@pytest.mark.parametrize("xargs", [None, {}, {"other": 1}])
def test_requests_without_the_key_carry_no_corruption(xargs: dict[str, object] | None) -> None:
    assert CorruptionRequest.from_xargs(xargs) is None


@given(json_values)
def test_any_value_under_the_key_is_read_or_refused_by_name(value: object) -> None:
    for candidate in (value, json.dumps(value)):
        with pytest.raises(CorruptionRequestError):
            CorruptionRequest.from_xargs({XARGS_KEY: candidate})


@given(corruption_requests(), st.data())
def test_any_damage_to_a_field_is_read_or_refused_by_name(
    request: CorruptionRequest, data: st.DataObject
) -> None:
    document = json.loads(request.to_xargs()[XARGS_KEY])
    holder = data.draw(st.sampled_from([document, document["placed"][0]]))
    field = data.draw(st.sampled_from(sorted(holder)))
    if data.draw(st.booleans()):
        del holder[field]
    else:
        holder[field] = data.draw(json_values)
    try:
        read = CorruptionRequest.from_xargs({XARGS_KEY: json.dumps(document)})
    except CorruptionRequestError:
        return
    assert isinstance(read, CorruptionRequest)


@given(st.text())
def test_any_text_under_the_key_is_refused_by_name(text: str) -> None:
    with pytest.raises(CorruptionRequestError):
        CorruptionRequest.from_xargs({XARGS_KEY: text})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("function", "no_such", "unknown corruption function 'no_such'"),
        ("strength", -1.0, "strength"),
        ("strength", math.nan, "strength"),
        ("strength", math.inf, "strength"),
        ("strength", 10**400, "strength"),
        ("dims", 0, "dims"),
        ("dims", True, "dims"),
        ("seed", -1, "seed"),
        ("seed", 2**64, "seed"),
        ("positions", "everywhere", "positions"),
        ("vector", "AAAA", "vector"),
        ("vector", "not base64", "base64"),
        ("ranges", [], "no token range"),
        ("ranges", [[3, 3]], "half-open"),
        ("ranges", [[-1, 3]], "half-open"),
        ("ranges", [[0, 4], [2, 6]], "rising"),
        ("ranges", [[0]], "ranges.0.1: Field required"),
        ("ranges", [[0, "1"]], "ranges.0.1: Input should be a valid integer"),
    ],
)
def test_a_malformed_field_is_named(
    request_for_one_target: CorruptionRequest, field: str, value: object, message: str
) -> None:
    document = json.loads(request_for_one_target.to_xargs()[XARGS_KEY])
    document["placed"][0][field] = value
    with pytest.raises(CorruptionRequestError, match=message):
        CorruptionRequest.from_xargs({XARGS_KEY: json.dumps(document)})


@given(st.lists(st.integers(0, 200_000), max_size=50))
def test_the_digest_is_the_same_for_lists_and_arrays(token_ids: list[int]) -> None:
    assert prompt_digest(token_ids) == prompt_digest(np.array(token_ids, dtype=np.int64).tolist())


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=50), st.data())
def test_the_digest_sees_one_changed_token(token_ids: list[int], data: st.DataObject) -> None:
    changed = list(token_ids)
    changed[data.draw(st.integers(0, len(token_ids) - 1))] += 1
    assert prompt_digest(changed) != prompt_digest(token_ids)
