"""Settings of the proxy: defaults, a YAML file, files of secrets, the environment, then the command line."""

import ipaddress
import json
import os
import re
import shlex
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
import yaml
from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from lethe.classifier.encoders.files import DEFAULT_ENCODER
from lethe.classifier.settings import ClassifierSettings
from lethe.server.errors import OperatorError

SHIPPED_TARGETS = Path(__file__).resolve().parent.parent / "targets"

# No shell has read what stands in a file: ``~`` is still there.
UserPath = Annotated[Path, pydantic.AfterValidator(lambda path: Path(os.path.expanduser(path)))]


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


class _Section(pydantic.BaseModel):
    # No timer waits for infinity.
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EngineAdapterSettings(_Section):
    """How engines are given the adapters of targets; see docs/adapters.md.

    Attributes
    ----------
    slots
        How many adapters the engine that the proxy starts can apply in one batch. By default one more than are in
        force at the start; none if there are none.
    max_rank
        Greatest rank of an adapter there; by default the greatest at the start.
    folder
        Where copies of the adapters are put for running engines: a folder that their hosts share.
    engine_folder
        The same folder as the engines see it, if by another path.
    """

    slots: int | None = Field(default=None, ge=1, examples=[4])
    max_rank: Literal[1, 8, 16, 32, 64, 128, 256, 320, 512] | None = Field(default=None, examples=[16])
    folder: UserPath | None = Field(default=None, examples=["/shared/adapters"])
    engine_folder: Path | None = Field(default=None, examples=["/adapters"])


def _list_from(split: Callable[[str], list[str]], otherwise: str) -> pydantic.BeforeValidator:
    """Takes a list that is written as one text, as an environment has it: in JSON, or otherwise."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value.lstrip().startswith("[") else split(value)
        except ValueError as error:
            raise ValueError(f"must be a list in JSON, or {otherwise} ({error})") from None

    return pydantic.BeforeValidator(read)


def _between_commas(value: str) -> list[str]:
    return [part.strip() for part in value.split(",")] if value.strip() else []


_COMMAS = _list_from(_between_commas, "its parts with commas between them")
_SHELL_WORDS = _list_from(shlex.split, "words as in a shell")


def _without_more(url: pydantic.AnyHttpUrl) -> pydantic.AnyHttpUrl:
    if url.username or url.password:
        # It would stand in metrics and in the log.
        raise ValueError("must have no user and no password; an engine's key is engine.api_key")
    if url.query is not None or url.fragment is not None:
        raise ValueError("must end with its path, without ? or #")
    return url


EngineUrl = Annotated[pydantic.AnyHttpUrl, pydantic.AfterValidator(_without_more)]
Addresses = Annotated[tuple[EngineUrl, ...], _COMMAS, NoDecode]
Origins = Annotated[tuple[str, ...], _COMMAS, NoDecode]
Arguments = Annotated[tuple[str, ...], _SHELL_WORDS, NoDecode]
# As it stands in a label of metrics, in keys and in addresses.
ModelName = Annotated[str, Field(pattern=r"^[\w.:/@+-]+$")]
Names = Annotated[tuple[ModelName, ...], _COMMAS, NoDecode]


class EngineGroupSettings(_Section):
    """The engines that serve one model.

    Attributes
    ----------
    url
        Base URL of a running vLLM with Lethe's plugin, or of several that serve the same model. Without one the
        proxy starts an engine of its own on loopback.
    api_key
        Key that running engines ask for.
    aliases
        Further names by which clients may ask for the model; engines are asked by their own.
    tokenizer
        Folder or hub id of the model's tokenizer and chat template, for corruptions that fall on chosen tokens;
        by default the model's own.
    """

    url: Addresses = Field(default=(), examples=["http://engine:8000"])
    api_key: pydantic.SecretStr | None = Field(default=None, examples=["secret"])
    aliases: Names = Field(default=(), examples=[("fast",)])
    tokenizer: str | None = Field(default=None, min_length=1, examples=["org/name"])
    adapters: EngineAdapterSettings = EngineAdapterSettings()


class EngineSettings(EngineGroupSettings):
    """The engines behind the proxy where they serve one model; what all engines have in common, where several are served.

    Attributes
    ----------
    model
        Hub id or folder of the model for the engine that the proxy starts.
    served_model_name
        Name that clients use for the model; the model's id if not given.
    args
        Further arguments for vLLM's server.
    startup_timeout_s, connect_timeout_s, read_timeout_s, total_timeout_s
        How long to wait for the engine to load, to accept a connection, to send the next bytes, and to finish.
    health_interval_s
        How long to wait between two looks at a running engine's health.
    """

    model: str = Field(default="HuggingFaceTB/SmolLM2-135M-Instruct", min_length=1)
    served_model_name: str | None = Field(default=None, min_length=1, examples=["my-model"])
    args: Arguments = Field(default=(), examples=[("--max-model-len", "8192")])
    startup_timeout_s: float = Field(default=1800, gt=0)
    connect_timeout_s: float = Field(default=5, gt=0)
    read_timeout_s: float = Field(default=600, gt=0)
    total_timeout_s: float = Field(default=3600, gt=0)
    health_interval_s: float = Field(default=2, gt=0)


# What of the section `engine` speaks of one model.
_OF_ONE_MODEL = ("url", "aliases", "tokenizer", "adapters", "model", "served_model_name", "args")


ForwardedHeader = Literal["x-forwarded-for", "forwarded"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network | Literal["unix"]
Networks = Annotated[tuple[Network, ...], _COMMAS, NoDecode]


class TrustedProxySettings(_Section):
    """Proxies before this one, whose word is taken on where a request came from; see docs/operating.md.

    Attributes
    ----------
    trusted
        Their addresses or networks; ``unix`` for whoever asks at a Unix socket.
    header
        Where they say so: ``x-forwarded-for`` or ``forwarded``, the one that all of them write.
    """

    trusted: Networks = Field(default=(), examples=[("10.0.0.0/8", "unix")])
    header: ForwardedHeader = "x-forwarded-for"


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


class ScopeSettings(_Section):
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


class PartSettings(_Section):
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


class PolicySettings(_Section):
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


class ScoreSampleSettings(_Section):
    """A sample of requests' scores without their texts, for `lethe classifier calibrate`; see docs/classifier.md.

    Attributes
    ----------
    folder
        Where it is kept; without one there is none.
    share
        Share of the requests that are in it.
    keep
        How many requests it holds at most; the oldest go, half of it at a time.
    """

    folder: UserPath | None = Field(default=None, examples=["./scores"])
    share: float = Field(default=0.1, gt=0, le=1)
    keep: int = Field(default=200_000, ge=2)


class ClassifierSection(ClassifierSettings):
    """How prompts are classified.

    Attributes
    ----------
    encoder
        Folder or hub id of the sentence encoder.
    spans
        Looked for only where a corruption in force falls on them alone; without, it falls on the whole prompt.
    """

    encoder: str = DEFAULT_ENCODER
    score_sample: ScoreSampleSettings = ScoreSampleSettings()


class MediaSettings(_Section):
    """What is read of pictures and documents, where ``policy.parts`` says so; more makes them unreadable.

    Attributes
    ----------
    max_bytes
        Of one.
    max_pixels
        Of a picture.
    max_pages
        Of a PDF.
    max_characters
        Of a document.
    """

    max_bytes: int = Field(default=8 << 20, ge=1024)
    max_pixels: int = Field(default=12_000_000, ge=1)
    max_pages: int = Field(default=200, ge=1)
    max_characters: int = Field(default=500_000, ge=1)


class AnswerSettings(_Section):
    """How streams are judged on their way, where a target in force judges answers.

    What is passed on has been judged; what came since then waits for the next look.

    Attributes
    ----------
    first_tokens, tokens
        After how many tokens that wait there is a look: the first, and each further one.
    sentence_tokens
        After how many there is one already if a sentence ends there.
    wait_ms
        After how long there is one, however few wait.
    """

    first_tokens: int = Field(default=12, ge=1)
    tokens: int = Field(default=24, ge=1)
    sentence_tokens: int = Field(default=12, ge=1)
    wait_ms: int = Field(default=400, ge=1)


class LimitSettings(_Section):
    """What a connection may take up.

    Attributes
    ----------
    max_header_bytes
        Longest head of a request.
    header_timeout_s, body_timeout_s
        How long a client may take to send its head, and its body.
    keep_alive_s
        How long a connection may be idle, before its first request and after each. Longer than what stands before
        the proxy keeps it, or requests meet the close.
    stall_timeout_s
        How long a client may take nothing of a stream that waits for it.
    max_requests
        How many requests may be in flight at a time; more are told to come back.
    max_bodies_bytes
        What their bodies may take up together, as they came, until the engine has answered or begun a stream, or
        ended one that is judged; more are told to come back.
    max_messages, max_parts, max_prompts
        What one request may have: of messages, input items, tools or documents, each; of their parts, blocks and tool calls
        together; of prompts, or texts to embed, score or label. Each takes time of its own, however short it is.
    checks_per_minute
        How often a key may ask for a verdict alone; counted apart from its other requests.
    """

    max_header_bytes: int = Field(default=32 << 10, ge=1024)
    header_timeout_s: float = Field(default=20, gt=0)
    body_timeout_s: float = Field(default=60, gt=0)
    keep_alive_s: float = Field(default=620, gt=0)
    stall_timeout_s: float = Field(default=60, gt=0)
    max_requests: int = Field(default=4096, ge=1)
    max_bodies_bytes: int = Field(default=256 << 20, ge=1024)
    max_messages: int = Field(default=20_000, ge=1)
    max_parts: int = Field(default=20_000, ge=1)
    max_prompts: int = Field(default=16_384, ge=1)
    checks_per_minute: int = Field(default=120, ge=1)


class RedisSettings(_Section):
    """Where the limits of keys are counted for several proxies together.

    Attributes
    ----------
    url
        ``redis://``, ``rediss://`` or ``unix://``; without one each proxy counts for itself.
    timeout_s
        How long a request waits for it, before the proxy counts for itself.
    """

    url: pydantic.SecretStr | None = Field(default=None, examples=["redis://redis:6379"])
    timeout_s: float = Field(default=0.25, gt=0)


class TracingSettings(_Section):
    """Where traces of requests go, by OpenTelemetry.

    Attributes
    ----------
    endpoint
        A collector's address for traces, OTLP over HTTP; without one there are none.
    share
        Share of the requests that are traced.
    accept_parent
        Whether a client's ``traceparent`` is continued, which also lets it decide on what is traced.
    """

    endpoint: pydantic.AnyHttpUrl | None = Field(default=None, examples=["http://collector:4318/v1/traces"])
    share: float = Field(default=1, ge=0, le=1)
    accept_parent: bool = False


class AuditSettings(_Section):
    """The log of what was decided.

    Attributes
    ----------
    folder
        Where it is kept; without one there is none.
    max_bytes, keep
        Size after which the next file begins, and the number of files that are kept.
    max_waiting_bytes
        What entries may take up in memory while they cannot be written; what comes beyond is lost.
    required
        Whether nothing is answered while entries cannot be written.
    text_share
        Share of the entries that carry the prompt's text.
    client
        Whether the entries say from which address a request came; see `proxies`.
    """

    folder: UserPath | None = Field(default=None, examples=["./audit"])
    max_bytes: int = Field(default=64 << 20, ge=1 << 16)
    keep: int = Field(default=100, ge=1)
    max_waiting_bytes: int = Field(default=64 << 20, ge=1 << 16)
    required: bool = False
    text_share: float = Field(default=0, ge=0, le=1)
    client: bool = False


class FeedbackSettings(_Section):
    """What people say of verdicts, in a file for each target; see docs/classifier.md.

    Attributes
    ----------
    folder
        Where the files are; without one nobody can say anything.
    """

    folder: UserPath | None = Field(default=None, examples=["./feedback"])


class TlsSettings(_Section):
    """Encryption of the connections to clients, where no proxy before this one sees to it.

    Attributes
    ----------
    cert
        File of the certificate and what links it to its root, in PEM. A renewed one comes into force by itself.
    key
        File of its private key; by default it is in the same file.
    """

    cert: UserPath | None = Field(default=None, examples=["./tls.crt"])
    key: UserPath | None = Field(default=None, examples=["./tls.key"])

    @pydantic.model_validator(mode="after")
    def _no_key_alone(self) -> Self:
        if self.key and not self.cert:
            raise ValueError("key needs cert")
        return self


class ConsoleSettings(_Section):
    """The page for administrators at ``/console``.

    Attributes
    ----------
    enabled
        Whether there is one.
    bare_answers
        Whether administrators can have the model's answers without the guard there, to compare. Each is written
        to the audit log before it is given, so this needs ``audit.folder``, and ``keys``.
    target_data
        Folder of the data of targets that administrators make, change and build there; without one they cannot. It tells
        what is to be forgotten.
    """

    enabled: bool = True
    bare_answers: bool = False
    target_data: UserPath | None = Field(default=None, examples=["./target-data"])


class Settings(BaseSettings):
    """All settings of ``lethe serve``; in the environment as ``LETHE_PORT``, ``LETHE_ENGINE__URL``, ...

    In the folder that the environment's ``LETHE_SECRETS_DIR`` names, a file ``lethe_engine__api_key`` holds that one.

    Attributes
    ----------
    host, port
        Where it listens.
    unix_socket
        A Unix socket to listen at in place of these; whoever may write to it is a client.
    targets
        Folder of the bundles in force; by default those that Lethe ships.
    signers
        File of public keys in PEM: a bundle comes into force only if one of them signed it, by ``lethe target sign``. Without
        one, none need be signed.
    root_path
        What stands before every path where a reverse proxy gives Lethe only a part of a host's paths, whether or not it
        takes that away.
    keys
        File of API keys, kept by ``lethe keys``; without one every client is served.
    watch
        Whether changes of targets, keys and certificates come into force by themselves.
    cache_dir
        Where prepared models and encoders are kept; by default ~/.cache/lethe.
    max_body_bytes
        A larger request body is answered with 413.
    log_format
        Lines for people, or JSON, one object a line on standard output.
    cors_origins
        Origins whose pages may call the proxy from a browser, with any headers; none by default.
    drain_timeout_s
        How long a stopping proxy waits for requests in flight, and so do the engine that it starts, and what runs
        either in a container.
    drain_delay_s
        How long of that a proxy that SIGTERM stops still takes new ones, while ``/ready`` says 503.
    engines
        Several models, by the name that clients use for each: its `url`, `api_key`, `aliases`, `tokenizer` and
        `adapters`, as under `engine`, which then holds only what all engines have in common; see "Several models".
    """

    model_config = SettingsConfigDict(
        env_prefix="LETHE_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    unix_socket: UserPath | None = Field(default=None, examples=["/run/lethe/lethe.sock"])
    targets: UserPath = Field(default=SHIPPED_TARGETS, examples=["./targets"])
    signers: UserPath | None = Field(default=None, examples=["./signers.pem"])
    root_path: str = Field(default="", pattern=r"^(/[\w.~-]+)*$", examples=["/lethe"])
    watch: bool = True
    keys: UserPath | None = Field(default=None, examples=["./keys.yaml"])
    cache_dir: UserPath = Field(default=Path.home() / ".cache" / "lethe", examples=["/var/cache/lethe"])
    max_body_bytes: int = Field(default=16 << 20, ge=1024)
    log_format: Literal["text", "json"] = "text"
    cors_origins: Origins = Field(default=(), examples=[("http://page:3000",)])
    drain_timeout_s: int = Field(default=150, ge=0)
    drain_delay_s: float = Field(default=5, ge=0)
    tls: TlsSettings = TlsSettings()
    proxies: TrustedProxySettings = TrustedProxySettings()
    limits: LimitSettings = LimitSettings()
    engine: EngineSettings = EngineSettings()
    engines: dict[ModelName, EngineGroupSettings] = {}
    policy: PolicySettings = PolicySettings()
    classifier: ClassifierSection = ClassifierSection()
    media: MediaSettings = MediaSettings()
    answers: AnswerSettings = AnswerSettings()
    redis: RedisSettings = RedisSettings()
    tracing: TracingSettings = TracingSettings()
    audit: AuditSettings = AuditSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    console: ConsoleSettings = ConsoleSettings()

    @pydantic.field_validator("limits")
    @classmethod
    def _the_largest_body_fits(cls, limits: LimitSettings, info: pydantic.ValidationInfo) -> LimitSettings:
        if limits.max_bodies_bytes < info.data.get("max_body_bytes", 0):
            raise ValueError("max_bodies_bytes must not be less than max_body_bytes")
        return limits

    @pydantic.field_validator("engines")
    @classmethod
    def _models_are_told_apart(
        cls, engines: dict[str, EngineGroupSettings], info: pydantic.ValidationInfo
    ) -> dict[str, EngineGroupSettings]:
        engine: EngineSettings | None = info.data.get("engine")
        if not engines or engine is None:
            return engines
        unset = EngineSettings()
        if ambiguous := [name for name in _OF_ONE_MODEL if getattr(engine, name) != getattr(unset, name)]:
            named = ", ".join(f"engine.{name}" for name in ambiguous)
            raise ValueError(f"{named} cannot be set beside engines; say it of a model there")
        if without := [name for name, group in engines.items() if not group.url]:
            raise ValueError(
                f"{', '.join(without)}: url is needed; the engine that the proxy starts is the only one"
            )
        names = [each for name, group in engines.items() for each in {name, *group.aliases}]
        addresses = [str(url) for group in engines.values() for url in group.url]
        if twice := {each for each in (*names, *addresses) if names.count(each) + addresses.count(each) > 1}:
            raise ValueError(f"{', '.join(sorted(twice))} stands for more than one model")
        return engines

    @pydantic.field_validator("console")
    @classmethod
    def _bare_answers_are_audited(
        cls, console: ConsoleSettings, info: pydantic.ValidationInfo
    ) -> ConsoleSettings:
        audit: AuditSettings | None = info.data.get("audit")
        if console.bare_answers and not (info.data.get("keys") and audit and audit.folder):
            raise ValueError("bare_answers needs keys, and audit.folder to record them in")
        return console

    @property
    def groups(self) -> dict[str, EngineGroupSettings]:
        """The models that are served, by name; the only one that `engine` speaks of has none."""
        if not self.engines:
            return {"": self.engine}
        shared = {"api_key": self.engine.api_key}
        return {
            name: group if group.api_key else group.model_copy(update=shared)
            for name, group in self.engines.items()
        }


def load_settings(config: Path | None = None, overrides: dict[str, Any] | None = None) -> Settings:
    """Gather the settings from all their sources.

    Parameters
    ----------
    config
        A YAML file with the fields of `Settings`.
    overrides
        What the command line says, nested as the settings are.

    Raises
    ------
    OperatorError
        A value is unknown or not acceptable; the message names each one.
    """
    document = _read_yaml(config) if config else {}

    class WithFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            secrets = NestedSecretsSettingsSource(
                file_secret_settings, os.environ.get("LETHE_SECRETS_DIR"), secrets_dir_missing="error"
            )
            return init_settings, env_settings, secrets, InitSettingsSource(settings_cls, document)

    try:
        return WithFile(**(overrides or {}))
    except pydantic.ValidationError as error:
        faults = "; ".join(_describe(fault) for fault in error.errors())
        raise OperatorError(f"bad settings: {faults}") from None
    except SettingsError as error:
        raise OperatorError(f"bad settings: {_in_our_words(error)}") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text()) or {}
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise OperatorError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise OperatorError(f"{path} must hold settings as `name: value`, not a {type(document).__name__}")
    return document


def _in_our_words(error: SettingsError) -> str:
    named = re.search(r'field "(\w+)"', str(error))
    if named is None:
        return str(error)
    variable = f"LETHE_{named[1].upper()}"
    return (
        f"{named[1]}: the variable {variable} must be an object in JSON; single settings of it have variables of their "
        f"own, {variable}__NAME"
    )


def _describe(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{name} is not a setting"
    said = f"{name}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
    # A whole section may hold a key.
    return said if isinstance(fault["input"], dict) else f"{said}, got {fault['input']!r}"
