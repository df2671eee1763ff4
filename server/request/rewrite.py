"""The request as the engine gets it."""

import hashlib
from typing import Any

from lethe.corruption.request import CorruptionRequest
from lethe.server.endpoints.endpoint import GuardedRequest


def rewrite(
    request: GuardedRequest, corruption: CorruptionRequest | None, request_id: str, model: str | None = None
) -> dict[str, Any]:
    """The body for the engine: as the client sent it, with what its flagged targets ask for.

    Neither a corruption nor an adapter needs a cache salt: the engine keys what it caches by both. A client's own
    salt is folded into a digest, so that no client can name a salt that the engine makes.

    Parameters
    ----------
    model
        What the engine is asked for in the place of what the client names: an adapter that the answer is to be made
        with, or its own name for an alias.
    """
    body = request.for_engine(request_id)
    if model is not None:
        body["model"] = model
    client_salt: str | None = body.pop("cache_salt", None)
    if corruption is not None:
        body["vllm_xargs"] = corruption.to_xargs()
    if client_salt is not None:
        body["cache_salt"] = hashlib.sha256(b"client\0" + client_salt.encode()).hexdigest()
    return body
