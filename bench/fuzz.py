"""Requests made from the proxy's own OpenAPI document, good and bad, by the thousand: ``make fuzz``.

None may be answered with a 5xx, every error must have OpenAI's shape, or Anthropic's on its routes, and what reaches the engine must be as the
proxy promises it, whatever was sent.
"""

import argparse
import json
import logging
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure
from schemathesis.generation import GenerationMode

from bench.checking_engine import CLIENT_SALT, MODEL, ROLES, CheckingEngine
from bench.page import machine, table, write_section
from bench.servers import lethe, targets_for_the_mock
from lethe.server.access.key_file import create_key
from lethe.server.access.keys import Scope

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="how many in all, about")
    total = parser.parse_args().requests
    logging.getLogger("hypothesis").setLevel(logging.ERROR)
    engine = CheckingEngine()
    with tempfile.TemporaryDirectory() as name, engine.running():
        targets = targets_for_the_mock(Path(name) / "targets")
        # It may everything, so that every route is reached.
        _, key = create_key(Path(name) / "keys.yaml", scopes=set(Scope))
        environment = {
            "LETHE_KEYS": f"{name}/keys.yaml",
            # A busy machine is no fault of the proxy's.
            "LETHE_CLASSIFIER__DEADLINE_SECONDS": str(PATIENCE_S / 2),
        }
        with lethe(engine.port, targets, environment) as port:
            url = f"http://127.0.0.1:{port}"
            document = requests.get(f"{url}/openapi.json", timeout=10).json()
            bodies = sum(
                "requestBody" in each for path in document["paths"].values() for each in path.values()
            )
            seen = fuzz(document, url, key, total // bodies)
    paths = sorted({path for path, _ in seen.statuses})
    statuses = sorted({status for _, status in seen.statuses})
    rows = [[path, *(str(seen.statuses[path, status] or "") for status in statuses)] for path in paths]
    faults = seen.faults + engine.faults
    explanation = (
        f"{machine('schemathesis', 'hypothesis', 'fastapi')}. {seen.statuses.total():,} requests to the real proxy, made "
        "by schemathesis from its OpenAPI document, half of them against it, with fields of other APIs and of the "
        f"engine mixed in; {engine.asked:,} reached the engine, which checks each by rules of its own. "
        f"Answers with a 5xx or in a shape that the route's clients do not know: {len(seen.faults)}. Malformed at the engine: "
        f"{len(engine.faults)}. How often each status was answered:"
    )
    body = f"{explanation}\n\n{table(['route', *map(str, statuses)], rows)}"
    write_section("fuzzing.md", "Requests by schemathesis", "make fuzz", body)
    if faults:
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()
