"""Answers as an engine gives them, whole and as events, and what a client makes of what it gets."""

import json
from collections.abc import Sequence
from typing import Any

import httpx

CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"
DONE = b"data: [DONE]\n\n"


def event(document: dict[str, Any]) -> bytes:
    """An event that carries a document."""
    return b"data: " + json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def chunk(delta: dict[str, Any], index: int = 0, finish: str | None = None, **fields: Any) -> bytes:
    """A piece of a chat's stream; `fields` are of the choice, but for `id`, `created` and `usage`."""
    head = {
        "id": fields.pop("id", "chatcmpl-1"),
        "object": "chat.completion.chunk",
        "created": fields.pop("created", 1),
        "model": "org/model",
    }
    usage = {"usage": fields.pop("usage")} if "usage" in fields else {}
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish, **fields}
    return event(head | {"choices": [choice]} | usage)


def role(index: int = 0, **fields: Any) -> bytes:
    """What begins a chat's stream."""
    return chunk({"role": "assistant", "content": ""}, index, **fields)


def said(text: str, index: int = 0, **fields: Any) -> list[bytes]:
    """A piece for each word of a text."""
    words = text.split(" ")
    return [
        chunk({"content": word if place == 0 else f" {word}"}, index, **fields)
        for place, word in enumerate(words)
    ]


def chat_stream(text: str, **fields: Any) -> list[bytes]:
    """A whole chat's stream."""
    return [role(**fields), *said(text, **fields), chunk({}, finish="stop", **fields), DONE]


def chat_answer(*texts: str, **fields: Any) -> dict[str, Any]:
    """A chat's answer, with a choice for each text."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": text},
            "logprobs": None,
            "finish_reason": "stop",
        }
        for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 5, "total_tokens": 7, "completion_tokens": 2}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "org/model"}
    return head | {"choices": choices, "usage": usage} | fields


def documents(content: bytes | str) -> list[dict[str, Any]]:
    """The documents of a stream's events."""
    text = content.decode() if isinstance(content, bytes) else content
    datas = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(data) for data in datas if data != "[DONE]"]


def text_of(content: bytes | str, index: int = 0) -> str:
    """What a choice of a stream of a chat or a completion says."""
    choices = _choices(content, index)
    return "".join(
        (choice.get("delta") or {}).get("content") or choice.get("text") or "" for choice in choices
    )


def finish_of(content: bytes | str, index: int = 0) -> Sequence[str]:
    """The reasons for which a choice of a stream has ended; one, if all is well."""
    return [choice["finish_reason"] for choice in _choices(content, index) if choice["finish_reason"]]


def message_of(response: httpx.Response, index: int = 0) -> str:
    """What a choice of a chat's answer says."""
    return response.json()["choices"][index]["message"]["content"]


def _choices(content: bytes | str, index: int) -> list[dict[str, Any]]:
    return [
        choice
        for each in documents(content)
        for choice in each.get("choices", ())
        if choice["index"] == index
    ]
