"""Nothing that a client may not set is left in a request."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lethe.server.endpoints import GUARDED, ChatRequest
from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.endpoints.scrub import DENIED, scrub
from lethe.server.errors import BadRequest, NotFound
from tests.server.stack import MODEL, chat


def request(**fields: Any) -> ChatRequest:
    return ChatRequest.parse(json.dumps(chat("hi", **fields)).encode())


@pytest.mark.parametrize("field", DENIED)
@pytest.mark.parametrize("value", [{}, "", 0, False, "x", [1]])
def test_a_denied_field_is_refused_whatever_it_holds(field: str, value: Any) -> None:
    with pytest.raises(BadRequest, match=f"^{field} cannot be set here: ") as refused:
        scrub(request(**{field: value}), {MODEL})
    assert (refused.value.param, refused.value.code) == (field, "unsupported_parameter")


@pytest.mark.parametrize("value", ["", "{{ messages | reverse }}", {}, 0])
def test_a_template_is_refused_among_a_templates_arguments_too(value: Any) -> None:
    field = "chat_template_kwargs.chat_template"
    with pytest.raises(BadRequest, match=f"^{field} cannot be set here: ") as refused:
        scrub(request(chat_template_kwargs={"a": 1, "chat_template": value}), {MODEL})
    assert (refused.value.param, refused.value.code) == (field, "unsupported_parameter")
    kept = {"a": 1, "chat_template": None}
    assert scrub(request(chat_template_kwargs=kept), {MODEL}).body["chat_template_kwargs"] == kept


def test_what_is_denied_is_dropped_where_it_is_null_and_all_else_stays() -> None:
    asked = request(temperature=0, cache_salt="mine", request_id="mine", **dict.fromkeys(DENIED))
    before = dict(asked.body)
    assert scrub(asked, {MODEL}).body == chat("hi", temperature=0, cache_salt="mine")
    assert asked.body == before


@pytest.mark.parametrize("model", [None, "", "a", "b"])
def test_every_name_of_the_model_and_none_pass(model: str | None) -> None:
    assert scrub(request(model=model), {"a", "b"}).model == model


def test_another_model_is_not_found_and_what_is_served_is_said() -> None:
    with pytest.raises(NotFound, match=r"`an-adapter` does not exist; served here: a, b$") as refused:
        scrub(request(model="an-adapter"), {"b", "a"})
    assert (refused.value.param, refused.value.code) == ("model", "model_not_found")


@pytest.mark.parametrize("salt", ["", 1, [], {}, False])
def test_a_salt_is_a_text_or_nothing(salt: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        scrub(request(cache_salt=salt), {MODEL})
    assert refused.value.param == "cache_salt"


@pytest.mark.parametrize("switch", [True, 1, "true"])
def test_beams_are_refused_whose_branches_nothing_would_guard(switch: Any) -> None:
    with pytest.raises(BadRequest, match="would not be guarded"):
        scrub(request(use_beam_search=switch), {MODEL})
    assert scrub(request(use_beam_search=False), {MODEL}).body["use_beam_search"] is False


def test_what_the_endpoint_itself_refuses_is_refused() -> None:
    with pytest.raises(BadRequest, match="role must be one of"):
        scrub(request(messages=[{"role": "root", "content": "hi"}]), {MODEL})


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


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
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
