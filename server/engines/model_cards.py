"""What clients are told of the model: the engine's own words, but for where it keeps the weights."""

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


def public_cards(cards: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """An engine's entries of ``/v1/models``, by the model's names, as anybody may see them.

    Parameters
    ----------
    cards
        See `lethe.server.engines.facts.EngineFacts`.
    """
    return {str(card["id"]): {**card, "root": _public_root(card)} for card in cards}


def bare_card(name: str) -> dict[str, Any]:
    """The entry of a model that is served under a name, and of which no more is known yet."""
    return {
        "id": name,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "vllm",
        "root": name,
        "parent": None,
        "max_model_len": None,
        "permission": [],
    }


def _public_root(card: Mapping[str, Any]) -> str:
    # Clients take it for a tokenizer's id, so it has to be something.
    root = card.get("root")
    return root if isinstance(root, str) and _HUB_ID.fullmatch(root) else str(card["id"])
