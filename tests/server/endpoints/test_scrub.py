"""Nothing that a client may not set is left in a request."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lethe.server.endpoints import GUARDED
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.endpoints.scrub import DENIED, scrub
from lethe.server.errors import BadRequest, NotFound

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=10), children, max_size=4)
    ),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    [
        *(
            "model",
            "messages",
            "prompt",
            "input",
            "instructions",
            "stream",
            "tools",
            "tool_choice",
            "documents",
        ),
        *("suffix", "response_format", "text", "cache_salt", *sorted(DENIED)),
    ]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(FIELDS, JSON_VALUES, max_size=5))
def test_any_json_object_is_either_understood_or_refused_cleanly(body: dict[str, Any]) -> None:
    for parse in (endpoint.parse for endpoint in GUARDED):
        try:
            request = scrub(parse(json.dumps(body).encode()), {"m"})
        except (BadRequest, NotFound):
            continue
        assert isinstance(request, GuardedRequest)
        assert not DENIED.keys() & request.body.keys()
        token_ids = request.token_id_prompts()
        list(request.conversations(["decoded"] * len(token_ids)))
        request.demanded_output()
