"""What a client may not set: everything that reaches the plugin, names an adapter, or carries a prompt past the classifier."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, TypeVar

import pydantic

from lethe.server.endpoints.endpoint import EngineRequest
from lethe.server.errors import BadRequest, UnknownModel

Request = TypeVar("Request", bound=EngineRequest)

_SWITCH = pydantic.TypeAdapter(bool | None)
DENIED = {
    "vllm_xargs": "it steers this server's own engine",
    "prompt_embeds": "a prompt must be text or token ids",
    "mm_payload": "a prompt must be text or token ids",
    "mm_processor_kwargs": "it changes what the model is shown",
    "media_io_kwargs": "it changes what the model is shown",
    "chat_template": "the server's own template is used",
    "kv_transfer_params": "it steers this server's own engine",
    "ec_transfer_params": "it steers this server's own engine",
    "return_mm_kwargs": "a prompt must be text or token ids",
}


def scrub(request: Request, served_models: Collection[str]) -> Request:
    """Refuse what a client may not set; drop such fields where they are null.

    Parameters
    ----------
    served_models
        The names under which the base model is served; adapters' names are not among them.

    Raises
    ------
    UnknownModel
        The request names another model, an adapter for one.
    BadRequest
        The request sets a denied field, asks for beam search, or has messages that may not be sent.
    """
    body = dict(request.body)
    for field, reason in DENIED.items():
        if body.pop(field, None) is not None:
            raise _denied(field, reason)
    # An engine that takes a client's template takes it there too.
    arguments = body.get("chat_template_kwargs")
    if isinstance(arguments, dict) and arguments.get("chat_template") is not None:
        raise _denied("chat_template_kwargs.chat_template", DENIED["chat_template"])
    # Ids are given by this server; another client's could be named otherwise.
    body.pop("request_id", None)
    request.check()
    if _may_be_on(body.get("use_beam_search")):
        # vLLM expands a beam into requests of its own, which do not carry what guards the first.
        raise _denied("use_beam_search", "its branches would not be guarded")
    salt = body.get("cache_salt")
    if salt is not None and not (isinstance(salt, str) and salt):
        raise BadRequest("cache_salt must be a non-empty string", param="cache_salt")
    model = body.get("model")
    # As for the engine, an empty name is none.
    if model and model not in served_models:
        raise UnknownModel(model, served_models)
    return replace(request, body=body)


def _denied(field: str, reason: str) -> BadRequest:
    return BadRequest(f"{field} cannot be set here: {reason}", param=field, code="unsupported_parameter")


def _may_be_on(switch: Any) -> bool:
    """Whether the engine may read a switch as on: it takes words and numbers too."""
    try:
        return bool(_SWITCH.validate_python(switch))
    except pydantic.ValidationError:
        return True
