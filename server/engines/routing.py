"""Which engine is likely to hold the beginning of a prompt in its cache: the one that had the conversation before."""

import hashlib
import math
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import orjson

_PREFIX_BYTES = 4096
_PREFIX_PARTS = 256
_LOAD_FACTOR = 1.25


class Loaded(Protocol):
    """What is known of an engine here."""

    @property
    def base_url(self) -> str: ...

    @property
    def in_flight(self) -> int: ...


def conversation_key(body: dict[str, Any]) -> bytes:
    """The same for every turn of a conversation, empty where there is none.

    What precedes the first answer is what all turns begin with: tools, system prompt and first question.
    """
    beginning: list[Any] = []
    messages = body.get("messages") or body.get("input") or body.get("prompt")
    if isinstance(messages, list):
        for part in messages[:_PREFIX_PARTS]:
            beginning.append(part)
            if isinstance(part, dict) and part.get("role") == "user":
                break
    elif isinstance(messages, str):
        beginning.append(messages[:_PREFIX_BYTES])
    if not beginning:
        return b""
    return orjson.dumps([body.get("tools"), body.get("instructions"), beginning])[:_PREFIX_BYTES]


_Engine = TypeVar("_Engine", bound=Loaded)


def in_order_of_choice(engines: Sequence[_Engine], body: dict[str, Any]) -> list[_Engine]:
    """The engines in the order in which they are to be asked.

    A conversation goes to the engine that rendezvous hashing gives it, which changes for few conversations when
    an engine comes or goes and needs no state that proxies would have to share. An engine with more than 5/4 of
    the mean of requests in flight is passed over (Mirrokni, Thorup and Zadimoghaddam, Consistent Hashing with
    Bounded Loads, 2018), so that a popular beginning does not overload one while others idle. Without a
    conversation the least loaded one comes first.
    """
    if len(engines) < 2:
        return list(engines)
    key = conversation_key(body)
    by_load = sorted(engines, key=lambda engine: engine.in_flight)
    if not key:
        return by_load
    in_flight = sum(engine.in_flight for engine in engines)
    most = math.ceil(_LOAD_FACTOR * (in_flight + 1) / len(engines))
    free = [engine for engine in by_load if engine.in_flight < most]
    free.sort(key=lambda engine: _weight(key, engine.base_url), reverse=True)
    return free + [engine for engine in by_load if engine.in_flight >= most]


def _weight(key: bytes, engine: str) -> bytes:
    return hashlib.blake2b(key + engine.encode(), digest_size=8).digest()
