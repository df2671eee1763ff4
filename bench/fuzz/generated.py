"""Requests that schemathesis makes from the proxy's OpenAPI document, with fields of other APIs mixed in."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure
from schemathesis.generation import GenerationMode

from bench.fuzz.checking_engine import CLIENT_SALT, MODEL, ROLES

# Where a value of any shape may come to stand, beside what the document describes.
_FIELDS = [
    "cache_salt",
    "chat_template",
    "chat_template_kwargs",
    "continue_final_message",
    "documents",
    "echo",
    "encrypted_content",
    "input",
    "instructions",
    "kv_transfer_params",
    "logit_bias",
    "max_tokens",
    "mm_processor_kwargs",
    "model",
    "n",
    "previous_response_id",
    "prompt",
    "prompt_embeds",
    "reasoning",
    "request_id",
    "response_format",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "structured_outputs",
    "suffix",
    "system",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_k",
    "use_beam_search",
    "vllm_xargs",
]


_ITEM_FIELDS = [
    "arguments",
    "audio",
    "call_id",
    "content",
    "encrypted_content",
    "function",
    "id",
    "image_url",
    "input",
    "name",
    "output",
    "reasoning",
    "refusal",
    "role",
    "source",
    "summary",
    "text",
    "tool_call_id",
    "tool_calls",
    "tool_reference",
    "type",
    "uuid",
]


_WORDS = (
    "",
    "text",
    "user",
    "message",
    "function_call",
    "reasoning",
    "tool_result",
    "tool_use",
    "json_schema",
    "auto",
    "hi",
    MODEL,
    CLIENT_SALT,
)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(_WORDS)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_ITEM_FIELDS) | st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)


PATIENCE_S = 120
_SUITABLE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


@dataclass
class Seen:
    """What became of the requests.

    Attributes
    ----------
    statuses
        How often each status was the answer, by route.
    faults
        What must not be, each once for a route and kind.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def fuzz(
    document: dict[str, Any], url: str, key: str | None, examples: int, *, repeatable: bool = False
) -> Seen:
    """Send requests to every route that a proxy's OpenAPI document describes.

    Parameters
    ----------
    key
        Sent as a bearer token.
    examples
        How many to each route that takes a body, half of them by the document and half against it; every other
        route gets a few.
    repeatable
        Whether the same requests are made every time.
    """
    seen = Seen()
    # Beside the document's own idea of a key, which would open nothing.
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    with requests.Session() as session:
        for result in schemathesis.openapi.from_dict(document).get_all_operations():
            operation = cast(Any, result).ok()
            takes_body = bool(operation.body)
            for mode in GenerationMode if takes_body else (GenerationMode.POSITIVE,):
                cases = operation.as_strategy(generation_mode=mode)

                @settings(
                    max_examples=examples // 2 if takes_body else 3,
                    derandomize=repeatable,
                    database=None,
                    deadline=None,
                    phases=[Phase.generate, Phase.shrink],
                    suppress_health_check=_SUITABLE,
                )
                @given(cases, st.data())
                def send(case: schemathesis.Case, data: st.DataObject) -> None:
                    if isinstance(case.body, dict):
                        _season(case.body, data)
                    answer = case.call(base_url=url, session=session, headers=headers, timeout=PATIENCE_S)
                    seen.statuses[case.path, answer.status_code] += 1
                    if fault := _fault(case.path, answer.status_code, answer.content or b""):
                        raise AssertionError(f"{case.method} {case.path}: {fault}, for {case.body!r}")

                try:
                    send()
                except AssertionError as error:
                    seen.faults.append(str(error))
                except FlakyFailure as failure:
                    # The same request was answered otherwise when it was sent again.
                    seen.faults.extend(map(str, failure.exceptions))
    return seen


def _season(body: dict[str, Any], data: st.DataObject) -> None:
    body |= data.draw(st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=2))
    items = body.get("messages", body.get("input"))
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            item |= data.draw(st.dictionaries(st.sampled_from(_ITEM_FIELDS), _VALUES, max_size=2))
            if data.draw(st.booleans()):
                item["role"] = data.draw(st.sampled_from(sorted(ROLES)))
    if data.draw(st.booleans()):
        body.pop("model", None)


def _fault(path: str, status: int, content: bytes) -> str | None:
    if status >= 500:
        return f"answered {status} {content[:300]!r}"
    if status >= 400:
        try:
            error = json.loads(content)["error"]
        except (ValueError, LookupError, TypeError):
            return f"answered {status} in a shape that no client knows: {content[:300]!r}"
        expected = (
            {"message", "type"} if path.startswith("/v1/messages") else {"message", "type", "param", "code"}
        )
        if set(error) - {"details"} != expected:
            return f"answered {status} with {sorted(error)}"
    return None
