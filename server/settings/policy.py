"""Settings of what becomes of requests."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from lethe.server.settings.section import Section


class Fallback(StrEnum):
    """What becomes of a request that the classifier could not judge."""

    BLOCK = "block"
    PASS = "pass"
    CORRUPT = "corrupt"
    OBSERVE = "observe"


class OnPart(StrEnum):
    """What becomes of a request that has a part which is no text, of a kind whose text can be read."""

    BLOCK = "block"
    PASS = "pass"
    CORRUPT = "corrupt"
    OBSERVE = "observe"
    READ = "read"


class SeveralAdapters(StrEnum):
    """What becomes of a request that several adapters are asked for, and no composed one stands for all of them."""

    REFUSE = "refuse"
    SUREST = "surest"


class OnUnfit(StrEnum):
    """What becomes of requests flagged for a target whose corruption or adapter was made for another model."""

    REFUSE = "refuse"
    OBSERVE = "observe"
    STOP = "stop"


class OnPooled(StrEnum):
    """What becomes of a flagged text of which a pooling engine is to make numbers."""

    OBSERVE = "observe"
    REFUSE = "refuse"


class ServerTools(StrEnum):
    """What becomes of tools that a client declares and a server would have to run."""

    REFUSE = "refuse"
    DROP = "drop"


class Verify(StrEnum):
    """Who looks again at verdicts on a target that are a little above its threshold."""

    NOBODY = "nobody"
    ENGINE = "engine"


class Consequence(StrEnum):
    """What follows from a verdict, by the kind of text that carries it."""

    CORRUPT = "corrupt"
    CORRUPT_SPAN = "corrupt_span"
    REFUSE = "refuse"
    OBSERVE = "observe"
    SKIP = "skip"


ScopeKind = Literal[
    "newest_turn",
    "earlier_turns",
    "assistant_turns",
    "reasoning",
    "system",
    "tool_definitions",
    "tool_results",
    "documents",
]
"""The kinds of text that a scope tells apart."""


class ScopeSettings(Section):
    """What follows from a verdict, by the kind of text that carries it.

    ``corrupt`` is the target's own action; a corruption falls on the messages that carry the verdict, or on the flagged
    sentences of long ones for ``corrupt_span``. ``refuse`` refuses, ``observe`` records, ``skip`` does not judge.

    Attributes
    ----------
    newest_turn
        What the user says last, and fields beside the messages that a template may print. Here and below, corrupt is
        the target's own action, and where that corrupts, it falls on the messages that carry the verdict;
        corrupt_span is the same for the flagged sentences of long ones; observe records, and skip does not judge.
    earlier_turns
        What the user said before.
    assistant_turns
        Answers and tool calls. One that stands after the newest turn, for the model to go on with, is of that turn.
    reasoning
        Of an assistant's turns.
    system
        Of the roles system and developer.
    tool_definitions, tool_results, documents
        What a client's program adds.
    """

    newest_turn: Consequence = Consequence.CORRUPT
    earlier_turns: Consequence = Consequence.CORRUPT
    assistant_turns: Consequence = Consequence.CORRUPT
    reasoning: Consequence = Consequence.CORRUPT
    system: Consequence = Consequence.CORRUPT
    tool_definitions: Consequence = Consequence.CORRUPT
    tool_results: Consequence = Consequence.CORRUPT_SPAN
    documents: Consequence = Consequence.CORRUPT


class PartSettings(Section):
    """What becomes of requests with parts that are no text, by kind; see docs/security.md.

    Attributes
    ----------
    image
        Pictures. Here and below, by default as on_unclassifiable says. With ``read`` the text in them is judged, and
        they are passed; what is flagged then and would be corrupted is refused, since a picture keeps what it shows.
    file
        Documents. With ``read`` their text stands in their place.
    audio, video
        Sound and moving pictures.
    """

    image: OnPart | None = Field(default=None, examples=["read"])
    file: OnPart | None = Field(default=None, examples=["read"])
    audio: Fallback | None = Field(default=None, examples=["pass"])
    video: Fallback | None = Field(default=None, examples=["pass"])


class PolicySettings(Section):
    """What becomes of requests that no target's own action covers.

    Attributes
    ----------
    decision_timeout_s
        How long it may take to decide on one request with all its prompts; then what the classifier has not judged counts as
        failed, and what was not looked at again by `verify` stands.
    on_error
        The classifier failed, or had too much to read to come to this request in time. Here and below, ``corrupt`` is
        with every target's corruption.
    on_unclassifiable
        The request has parts that are not text, or that could not be read.
    parts
        The same by kind of part, and reading some.
    on_too_long
        The request is longer than the classifier looks at, or than it can read in time.
    on_unreadable
        The request, or an answer that is judged, has a stretch of text that is no language however it is read, such as
        a code that the classifier does not know. ``observe`` passes it and records why.
    on_unfit
        A target's corruption or adapter was made for another base model than the one served: refuse what is flagged
        for it, only observe, or do not start, and keep what was in force on a reload.
    on_pooled
        A flagged text is to be embedded, scored, ranked, pooled or classified, where no corruption reaches it: record and
        pass, or refuse.
    several_adapters
        Several adapters are asked for at once, and no composed one stands for exactly those: refuse, or apply the
        one of the surest verdict and leave the other targets as they are.
    server_tools
        A client declares tools that a server would have to run, such as a web search: refuse the request, or leave
        them out of it.
    refusal
        What a refused client is told.
    scope
        What a verdict leads to, by the kind of text that carries it.
    verify
        By target, who looks again at a verdict that is less than `verify_band` above its threshold, and may clear it: the
        served model (``engine``), or nobody. See docs/security.md for what that opens.
    verify_band
        In log-odds of the probability.
    verify_timeout_s
        How long that may take; then the verdict stands.
    """

    decision_timeout_s: float = Field(default=60, gt=0)
    on_error: Fallback = Fallback.BLOCK
    on_unclassifiable: Fallback = Fallback.BLOCK
    parts: PartSettings = PartSettings()
    on_too_long: Fallback = Fallback.BLOCK
    on_unreadable: Fallback = Fallback.BLOCK
    on_unfit: OnUnfit = OnUnfit.REFUSE
    on_pooled: OnPooled = OnPooled.OBSERVE
    several_adapters: SeveralAdapters = SeveralAdapters.REFUSE
    server_tools: ServerTools = ServerTools.REFUSE
    refusal: str = "I'm sorry, but I can't help with that."
    scope: ScopeSettings = ScopeSettings()
    verify: dict[str, Verify] = Field(default={}, examples=[{"my-target": "engine"}])
    verify_band: float = Field(default=1, gt=0)
    verify_timeout_s: float = Field(default=2, gt=0)
