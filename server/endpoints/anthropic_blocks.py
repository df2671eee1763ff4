"""Anthropic's messages as the chat messages that vLLM 0.32 makes of them, and what of them may not be sent.

Follows ``vllm/entrypoints/anthropic/serving.py``: what is judged, and where a corruption falls, is what the engine's own
conversion shows the model. A block that it would drop or not know is refused, so that nothing is dropped in silence.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lethe.server.endpoints.endpoint import server_tool
from lethe.server.errors import BadRequest

ROLES = ("user", "assistant", "system")
# Claude Code's, with a digest that is another for each request; the engine leaves it out.
_BILLING = "x-anthropic-billing-header"
_TOOL_CHANGES = ("tool_addition", "tool_removal")
_BLOCKS = {
    "user": ("text", "image", "tool_result"),
    "assistant": ("text", "image", "tool_use", "thinking", "redacted_thinking"),
    "system": ("text", *_TOOL_CHANGES),
}
_SYSTEM_BLOCKS = ("text",)
_RESULT_BLOCKS = ("text", "image", "tool_reference")
_TEXT, _OBJECT, _CONTENT = (str,), (dict,), (str, list)
# What the engine reads of each, and of which kind that must be; a null is nothing. Of thoughts that only their maker can
# read it reads nothing; clients send them back with the rest of an answer.
_FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "text": {"text": _TEXT},
    "image": {"source": _OBJECT},
    "thinking": {"thinking": _TEXT},
    "redacted_thinking": {},
    "tool_use": {"id": _TEXT, "name": _TEXT, "input": _OBJECT},
    "tool_result": {"tool_use_id": _TEXT, "content": _CONTENT},
    "tool_reference": {"tool_name": _TEXT, "name": _TEXT},
    "tool_addition": {"tool": _OBJECT},
    "tool_removal": {"tool": _OBJECT},
}
_KINDS = {_TEXT: "a text", _OBJECT: "an object", _CONTENT: "a text or a list of blocks"}


def check_blocks(body: Mapping[str, Any]) -> None:
    """Refuse what the model would not be shown, what could not be judged, and what the engine would fetch.

    Raises
    ------
    BadRequest
        A role is not one of Anthropic's. A block is of a type that the engine does not show the model, or not there;
        a field of it is of another type than the engine takes. An image is given by its address. A tool runs on
        a server.
    """
    _check_list(body.get("system"), "system", _SYSTEM_BLOCKS)
    for index, message in enumerate(body["messages"]):
        place = f"messages.{index}"
        if message["role"] not in ROLES:
            raise BadRequest(f"{place}.role must be one of {', '.join(ROLES)}", param=f"{place}.role")
        _check_list(message["content"], f"{place}.content", _BLOCKS[message["role"]])
    for index, tool in enumerate(body.get("tools") or ()):
        _check_tool(tool, f"tools.{index}")


def chat_messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages that the engine makes of a checked body, in their order.

    Arguments of tool calls are objects, as templates get them.
    """
    system = _system_text(body.get("system"))
    messages = [{"role": "system", "content": system}] if system else []
    for message in body["messages"]:
        messages += _converted(message["role"], message["content"])
    return messages


def tool_changes(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What messages of the system say of tools that come and go, definitions among them."""
    return [
        block
        for message in body["messages"]
        for block in _blocks(message["content"])
        if block["type"] in _TOOL_CHANGES
    ]


def left_out(body: Mapping[str, Any]) -> list[str]:
    """Blocks of the system that the engine leaves out for how they begin."""
    systems = [each["content"] for each in body["messages"] if each["role"] == "system"]
    texts = [text for content in [body.get("system"), *systems] for text in _texts(content)]
    return [text for text in texts if text.startswith(_BILLING)]


def runs_here(tool: Mapping[str, Any]) -> bool:
    """Whether a tool is one that the client runs: of others only the server knows what they take."""
    return isinstance(tool.get("input_schema"), Mapping)


def chat_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool as the engine shows it to templates."""
    parameters = {**tool["input_schema"]}
    parameters.setdefault("type", "object")
    function = {"name": tool.get("name"), "description": tool.get("description"), "parameters": parameters}
    function |= {name: tool[name] for name in ("strict", "defer_loading") if tool.get(name) is not None}
    return {"type": "function", "function": function}


def _check_list(content: Any, place: str, allowed: Sequence[str]) -> None:
    for index, block in enumerate(_blocks(content)):
        _check_block(block, f"{place}.{index}", allowed)


def _check_block(block: Any, place: str, allowed: Sequence[str]) -> None:
    kind = block.get("type") if isinstance(block, Mapping) else None
    if not isinstance(kind, str) or kind not in allowed:
        shown = f" of type {kind}" if isinstance(kind, str) else ""
        raise BadRequest(
            f"{place}: a block{shown} cannot be used here, since the model would not be shown it; "
            f"what can: {', '.join(allowed)}",
            param=place,
        )
    for name, wanted in _FIELDS[kind].items():
        if not isinstance(block.get(name), (*wanted, type(None))):
            raise BadRequest(f"{place}.{name}: must be {_KINDS[wanted]}", param=f"{place}.{name}")
    if kind == "tool_result":
        _check_list(block.get("content"), f"{place}.content", _RESULT_BLOCKS)
    elif kind == "image":
        _check_source(block.get("source") or {}, f"{place}.source")
    elif kind in _TOOL_CHANGES:
        change = block.get("tool") or {}
        if change.get("type") == "tool_definition":
            _check_tool(change.get("definition"), f"{place}.tool.definition")


def _check_source(source: Mapping[str, Any], place: str) -> None:
    address = source.get("url") if source.get("type") == "url" else None
    if source.get("type") == "url" and not (isinstance(address, str) and address.startswith("data:")):
        raise BadRequest(
            f"{place}: an image must be sent as base64 or as a data: URL, since nothing is fetched for a client",
            param=place,
        )


def _check_tool(tool: Any, place: str) -> None:
    if not isinstance(tool, Mapping) or not runs_here(tool):
        raise server_tool(place, tool.get("type") if isinstance(tool, Mapping) else None)


def _converted(role: str, content: Any) -> Iterator[dict[str, Any]]:
    if role == "system":
        if text := _system_text(content):
            yield {"role": role, "content": text}
    elif isinstance(content, str):
        yield {"role": role, "content": content}
    else:
        for block in content:
            if block["type"] == "tool_result":
                yield from _tool_results(block)
        message = {"role": role, **_said(content)}
        if role == "assistant" or "content" in message:
            yield message


def _said(blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a message is made of beside the results of tools, which become messages of their own."""
    parts: list[dict[str, Any]] = []
    for block in blocks:
        if block["type"] == "text" and block.get("text"):
            parts.append({"type": "text", "text": block["text"]})
        elif block["type"] == "image" and block.get("source"):
            parts.append(_image(block["source"]))
    thoughts = [
        block["thinking"]
        for block in blocks
        if block["type"] == "thinking" and block.get("thinking") is not None
    ]
    calls = [_tool_call(block) for block in blocks if block["type"] == "tool_use"]
    message: dict[str, Any] = {}
    if thoughts:
        message["reasoning"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    if parts:
        alone = parts[0] if len(parts) == 1 and parts[0]["type"] == "text" else None
        message["content"] = alone["text"] if alone else parts
    return message


def _tool_call(block: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": block.get("name") or "", "arguments": block.get("input") or {}}
    return {"id": block.get("id") or "", "type": "function", "function": function}


def _tool_results(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    content = block.get("content")
    items = list(_blocks(content))
    texts = (
        [content]
        if isinstance(content, str)
        else [item.get("text") or "" for item in items if item["type"] == "text"]
    )
    images = [_image(item.get("source") or {}) for item in items if item["type"] == "image"]
    names = [item.get("tool_name") or item.get("name") for item in items if item["type"] == "tool_reference"]
    result = {"role": "tool", "tool_call_id": block.get("tool_use_id") or ""}
    yield {**result, "content": "\n".join(texts)}
    if images:
        yield {"role": "user", "content": images}
    if any(names):
        # The engine's part for a reference is its name, where templates take texts.
        yield {**result, "content": [{"type": "text", "text": name} for name in names if name]}


def _image(source: Mapping[str, Any]) -> dict[str, Any]:
    if source.get("type") == "url":
        address = source["url"]
    else:
        address = f"data:{source.get('media_type', 'image/jpeg')};base64,{source.get('data', '')}"
    return {"type": "image_url", "image_url": {"url": address}}


def _system_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(text for text in _texts(content) if not text.startswith(_BILLING))


def _texts(content: Any) -> Iterator[str]:
    return (block["text"] for block in _blocks(content) if block["type"] == "text" and block.get("text"))


def _blocks(content: Any) -> Iterator[dict[str, Any]]:
    return iter(content) if isinstance(content, list) else iter(())
