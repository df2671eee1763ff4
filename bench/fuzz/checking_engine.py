"""An engine that answers like vLLM, and trusts nothing: it checks by rules of its own what a proxy lets through."""

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from lethe.corruption.request import CorruptionRequest

MODEL = "mock"
CLIENT_SALT = "a-client's-salt"
ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
BLOCKS = {
    "text",
    "image",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "tool_reference",
    "tool_addition",
    "tool_removal",
}
DENIED = {
    "prompt_embeds",
    "chat_template",
    "mm_payload",
    "mm_processor_kwargs",
    "media_io_kwargs",
    "kv_transfer_params",
    "ec_transfer_params",
    "return_mm_kwargs",
    "request_id",
}


def malformed(path: str, headers: Mapping[str, str], content: bytes, model: str = MODEL) -> str | None:
    """What is wrong with a request that reached the engine; None if nothing is.

    Parameters
    ----------
    headers
        By their names in small letters.
    model
        The one name that is served.
    """
    try:
        body = json.loads(content, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except ValueError as error:
        return f"no JSON: {error}"
    if not isinstance(body, dict):
        return "no object"
    if there := DENIED & body.keys() - ({"request_id"} if path == "/v1/responses" else set()):
        return f"has {there}"
    if body.get("model") not in (None, "", model):
        return f"names the model {body['model']!r}"
    if body.get("cache_salt") == CLIENT_SALT:
        return "has the client's own salt"
    if (xargs := body.get("vllm_xargs")) is not None and (
        set(xargs) != {"lethe"} or CorruptionRequest.from_xargs(xargs) is None
    ):
        return f"has xargs {xargs!r}"
    if body.get("use_beam_search"):
        return "asks for a beam"
    if path not in ("/tokenize", "/detokenize") and not re.fullmatch(
        "[0-9a-f]{32}", headers.get("x-request-id", "")
    ):
        return "has no id of the proxy's"
    return _CHECKS[path](body) if path in _CHECKS else f"came to {path}"


def _check_chat(body: dict[str, Any]) -> str | None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "has no messages"
    for message in messages:
        if not isinstance(message, dict) or not (
            message.get("role") in ROLES or str(message.get("role")).startswith("document")
        ):
            return f"has the message {message!r}"
        if not isinstance(message.get("content"), str | list | None):
            return f"has the content {message['content']!r}"
    return None


def _check_tokenize(body: dict[str, Any]) -> str | None:
    if not isinstance(body.get("prompt"), str | None):
        return f"has {body['prompt']!r}"
    return _check_chat(body) if body.get("messages") else None


def _check_completion(body: dict[str, Any]) -> str | None:
    prompt = body.get("prompt")
    prompts = prompt if isinstance(prompt, list) else [prompt]
    return (
        None
        if prompts and all(_is_prompt(each) or type(each) is int for each in prompts)
        else f"has {prompt!r}"
    )


def _check_responses(body: dict[str, Any]) -> str | None:
    if body.get("store") is not False or body.get("background") or body.get("previous_response_id"):
        return "is kept"
    return None if isinstance(body.get("input"), str | list) else f"has {body.get('input')!r}"


def _check_input(body: dict[str, Any]) -> str | None:
    if body.get("data") is not None:
        return f"has {body['data']!r}"
    if body.get("messages"):
        return _check_chat(body)
    return None if body.get("input") or body.get("input") == "" else "has no input"


def _check_pairs(body: dict[str, Any]) -> str | None:
    given = [name for name in _PAIRED if body.get(name) is not None]
    if len(given) != 2:
        return f"has {given}"
    for name in given:
        texts = body[name] if isinstance(body[name], list) else [body[name]]
        for text in texts:
            content = text.get("content") if isinstance(text, dict) else text
            if fault := _check_chat({"messages": [{"role": "user", "content": content}]}):
                return fault
    return None


def _check_messages(body: dict[str, Any]) -> str | None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "has no messages"
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES - {
            "developer",
            "tool",
            "function",
        }:
            return f"has the message {message!r}"
        if fault := _fault_of_blocks(message.get("content")):
            return fault
    return _fault_of_blocks(body.get("system") or "")


def _fault_of_blocks(content: Any) -> str | None:
    if not isinstance(content, str | list):
        return f"has the content {content!r}"
    for block in content if isinstance(content, list) else ():
        if not isinstance(block, dict) or block.get("type") not in BLOCKS:
            return f"has the block {block!r}"
        source = block.get("source")
        if block["type"] == "image" and isinstance(source, dict) and "://" in str(source.get("url")):
            return f"fetches {source!r}"
        if block["type"] == "tool_result" and (fault := _fault_of_blocks(block.get("content") or "")):
            return fault
    return None


def _is_prompt(prompt: Any) -> bool:
    return isinstance(prompt, str) or (
        isinstance(prompt, list) and all(type(token) is int for token in prompt)
    )


_PAIRED = ("query", "queries", "documents", "items", "text_1", "text_2", "data_1", "data_2")
_CHECKS = {
    "/v1/chat/completions": _check_chat,
    "/v1/completions": _check_completion,
    "/v1/responses": _check_responses,
    "/v1/embeddings": _check_input,
    "/pooling": _check_input,
    "/classify": _check_input,
    "/score": _check_pairs,
    "/rerank": _check_pairs,
    "/v1/messages": _check_messages,
    "/v1/messages/count_tokens": _check_messages,
    "/tokenize": _check_tokenize,
    "/detokenize": lambda body: None if _is_prompt(body.get("tokens")) else "has no tokens",
}


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) != len(dict(pairs)):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


class CheckingEngine:
    """Answers like vLLM, and keeps what was wrong with what it was asked.

    Attributes
    ----------
    asked
        How many requests came.
    faults
        What was wrong with some.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.faults: list[str] = []
        self.port = 0

    async def _answer(self, request: web.Request) -> web.Response:
        content = await request.read()
        self.asked += 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        if fault := malformed(request.path, headers, content):
            self.faults.append(f"{request.path} {fault}: {content[:300]!r}")
        if request.path == "/detokenize":
            return web.json_response({"prompt": "some words"})
        if request.path == "/tokenize":
            return web.json_response({"count": 1, "max_model_len": 8192, "tokens": [1], "token_strs": None})
        if json.loads(content).get("stream"):
            return web.Response(body=b"data: [DONE]\n\n", content_type="text/event-stream")
        return web.json_response({"id": "x", "choices": [], "usage": {"prompt_tokens": 1}})

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": MODEL, "root": MODEL}]})

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(text='lethe_plugin_info{version="1"} 1.0\n')

    async def _serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        app = web.Application(client_max_size=1 << 26)
        app.add_routes([web.get("/v1/models", self._models), web.get("/metrics", self._metrics)])
        app.add_routes([web.get("/health", self._metrics), web.post("/{path:.*}", self._answer)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Serve on a thread of its own."""
        ready, stop = threading.Event(), asyncio.Event()
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_until_complete, args=(self._serve(ready, stop),))
        thread.start()
        ready.wait()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()
