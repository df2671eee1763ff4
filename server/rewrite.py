"""The request as the engine gets it."""

import hashlib
from typing import Any

from corruption.request import CorruptionRequest
from server.requests import ParsedRequest
from server.responses_request import ResponsesRequest


def rewrite(request: ParsedRequest, corruption: CorruptionRequest | None, request_id: str) -> dict[str, Any]:
    """The body for the engine: as the client sent it, with the corruption and a cache salt where one is due.

    A client's own salt is folded into a digest, so that no client can name the salt of a corrupted prefix.
    """
    body = dict(request.body)
    if isinstance(request, ResponsesRequest):
        # Here vLLM takes the id from the body alone, and keeps responses unless it is told not to.
        body |= {"request_id": f"resp_{request_id}", "store": False}
    client_salt: str | None = body.pop("cache_salt", None)
    if corruption is not None:
        body["vllm_xargs"] = corruption.to_xargs()
        body["cache_salt"] = corruption.cache_salt(client_salt)
    elif client_salt is not None:
        body["cache_salt"] = hashlib.sha256(b"clean\0" + client_salt.encode()).hexdigest()
    return body
