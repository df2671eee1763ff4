"""The shapes of answers that are not the model's, as the OpenAPI document describes them."""

from datetime import datetime
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from lethe.bundle import Action


class _Shape(pydantic.BaseModel):
    """A shape that is read when a document is asked for: each route has its own reader of its errors."""

    model_config = pydantic.ConfigDict(defer_build=True)


class Error(_Shape):
    """What went wrong."""

    message: Annotated[str, Field(description="One sentence for a person.")]
    type: Annotated[
        str,
        Field(
            description="`invalid_request_error`, `rate_limit_error` or `server_error`; vLLM's own are passed on."
        ),
    ]
    param: Annotated[str | None, Field(description="The field that is at fault.")]
    code: Annotated[str | int | None, Field(description="For programs; see [Errors](api.md#errors).")]


class ErrorAnswer(_Shape):
    """An error, in OpenAI's form."""

    error: Error


class AnthropicError(_Shape):
    """What went wrong."""

    type: Annotated[str, Field(description="Anthropic's name for the kind of error.")]
    message: Annotated[str, Field(description="One sentence for a person.")]
    details: Annotated[
        dict[str, str] | None,
        Field(description="Its `error_code` is for programs, as the `code` of OpenAI's form."),
    ] = None


class AnthropicErrorAnswer(_Shape):
    """An error, in Anthropic's form."""

    type: Literal["error"] = "error"
    error: AnthropicError


class ModelEntry(_Shape):
    """A name of the base model, as vLLM describes it."""

    id: Annotated[str, Field(description="What a request names as its `model`.")]
    object: Literal["model"] = "model"
    created: Annotated[int, Field(description="Seconds since 1970.")]
    owned_by: str
    root: Annotated[
        str,
        Field(description="The hub id that the engine loaded; of a folder or an address, `id` in its place."),
    ]
    parent: Annotated[None, Field(description="Only an adapter has one, and none is shown.")]
    max_model_len: Annotated[int | None, Field(description="How many tokens the engine takes.")]
    permission: list[dict[str, Any]]


class ModelEntries(_Shape):
    """The names of the base model."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]


class Alive(_Shape):
    """The proxy lives."""

    status: Literal["ok"] = "ok"


class Ready(_Shape):
    """Requests are answered."""

    status: Literal["ready"] = "ready"


class CheckedSpan(_Shape):
    """A stretch of a message that carries a verdict."""

    message: Annotated[int, Field(description="Of `messages`, from 0; the answer is behind the last.")]
    start: Annotated[int, Field(description="In characters of the message's text.")]
    end: int
    weight: float
    kind: Literal["evidence", "entity"]


class CheckedTarget(_Shape):
    """What is said of one target; the last three for keys of scope `admin` too, alone."""

    target: str
    flagged: bool
    probability: float | None = None
    threshold: float | None = None
    spans: list[CheckedSpan] | None = None


class CheckedSide(_Shape):
    """What is said of a conversation, or of its answer."""

    status: Annotated[
        Literal["ok", "unclassifiable", "too_long"],
        Field(description="`ok` if everything was read; if not, the verdicts speak of what was."),
    ]
    targets: list[CheckedTarget]


class Check(_Shape):
    """Verdicts."""

    object: Literal["check"] = "check"
    flagged: Annotated[bool, Field(description="Whether any target is, in the prompt or the answer.")]
    prompt: CheckedSide
    answer: Annotated[CheckedSide | None, Field(description="Null where no answer was sent.")]


class TargetInForce(_Shape):
    """A target, and how it is in force."""

    model: Annotated[
        str | None,
        Field(description="Where several are served, the model before which it is; else not there."),
    ] = None
    name: str
    version: Annotated[str, Field(description="Of its bundle: a digest of all that is in it.")]
    action: Annotated[Action, Field(description="What becomes of a flagged request; `observe` in shadow.")]
    fits: Annotated[
        bool,
        Field(
            description="Whether what it acts with was made for the served model; if not, `action` is what "
            "`policy.on_unfit` says."
        ),
    ]
    percent: Annotated[
        float, Field(description="Share of the keys that it acts for; for the others it only observes.")
    ]
    answers: Annotated[
        Literal["off", "observe", "guard"],
        Field(
            description="What becomes of answers that tell of it; `off` also where it has no head for them."
        ),
    ]


class TargetsInForce(_Shape):
    """Every target in force; where several models are served, once for each."""

    targets: list[TargetInForce]


class TargetForClient(_Shape):
    """How a target applies to a client, where that is not as to others."""

    model_config = pydantic.ConfigDict(extra="forbid")

    action: Annotated[
        Literal["act", "refuse", "observe"] | None,
        Field(description="What a flagged request leads to."),
    ] = None
    threshold: Annotated[
        float | None, Field(gt=0, le=1, description="The probability from which a prompt is flagged.")
    ] = None


class PolicyBody(_Shape):
    """What a client may ask for, and how targets apply to it."""

    model_config = pydantic.ConfigDict(extra="forbid")

    exempt: Annotated[list[str], Field(description="Targets that do not apply: they only observe.")] = []
    targets: Annotated[
        dict[str, TargetForClient],
        Field(
            description="By target, how it applies otherwise than to others: an `action` (`act` is the target's own, `refuse` and "
            "`observe` stand in its place), a `threshold` from which on prompts are flagged, or both."
        ),
    ] = {}
    models: Annotated[
        list[str] | None,
        Field(description="The models that may be asked for, by any of their names; null for all."),
    ] = None
    requests_per_minute: Annotated[int | None, Field(ge=1, description="Null for no limit.")] = None
    concurrency: Annotated[
        int | None, Field(ge=1, description="Requests in flight at a time; null for no limit.")
    ] = None


class KeyBody(PolicyBody):
    """What a key is held to, and the team that it belongs to."""

    team: Annotated[str | None, Field(description="The team that it belongs to; null for none.")] = None


class ClientKey(PolicyBody):
    """A key, without its secret."""

    id: str
    name: str
    team: str | None
    scopes: list[str]
    state: Literal["valid", "revoked", "expired"]
    expires: datetime | None


class ClientTeam(PolicyBody):
    """A team; its limits count for all its keys together."""

    name: str
    keys: Annotated[list[str], Field(description="The ids of its keys, also of the revoked ones.")]


class ClientEntries(_Shape):
    """Every key and every team."""

    keys: list[ClientKey]
    teams: list[ClientTeam]


class Tokens(_Shape):
    """What vLLM answers to a text."""

    count: Annotated[int, Field(description="How many tokens there are.")]
    max_model_len: Annotated[int, Field(description="How many the engine takes.")]
    tokens: Annotated[list[int], Field(description="Their ids.")]
    token_strs: Annotated[
        list[str] | None, Field(description="Their texts, with `return_token_strs` in the body.")
    ] = None


class Detokenized(_Shape):
    """What vLLM answers to token ids."""

    prompt: Annotated[str, Field(description="Their text.")]
