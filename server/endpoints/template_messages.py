"""Messages as the engine shows them to a model's chat template, so that a prompt here is the prompt there.

Follows `_parse_chat_message_content` and `_postprocess_messages` of vLLM's ``renderers/chat_utils.py``. Where the two disagree the
engine sees it by the prompt's digest, and corrupts all of it.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from lethe.classifier.conversation import content_text


def as_templates_get_it(message: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenAI message with one text for its content, objects for the arguments of its calls, and its reasoning under both names.

    Raises
    ------
    NotText
        A part of its content is not text.
    """
    # The engine shows a missing content as an empty one.
    shown = {**message, "content": content_text(message.get("content")) or ""}
    if message["role"] != "assistant":
        return shown
    if message.get("reasoning") is not None:
        shown["reasoning_content"] = message["reasoning"]
    calls = shown.pop("tool_calls", None)
    return shown | {"tool_calls": list(map(_call, calls))} if calls else shown


def _call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return call
    return {**call, "function": {**function, "arguments": _arguments(function.get("arguments"))}}


def _arguments(given: Any) -> dict[str, Any]:
    """The arguments as an object, an empty one where they are none."""
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError:
            return {}
    return given if isinstance(given, dict) else {}
