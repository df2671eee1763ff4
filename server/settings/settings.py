"""All settings of the proxy."""

from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lethe.server.settings.connections import LimitSettings, RedisSettings, TlsSettings, TrustedProxySettings
from lethe.server.settings.engines import OF_ONE_MODEL, EngineGroupSettings, EngineSettings, ModelName
from lethe.server.settings.policy import PolicySettings
from lethe.server.settings.reading import AnswerSettings, ClassifierSection, MediaSettings
from lethe.server.settings.records import AuditSettings, ConsoleSettings, FeedbackSettings, TracingSettings
from lethe.server.settings.section import COMMAS, UserPath

SHIPPED_TARGETS = Path(__file__).resolve().parents[2] / "targets"
Origins = Annotated[tuple[str, ...], COMMAS, NoDecode]


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
        if ambiguous := [name for name in OF_ONE_MODEL if getattr(engine, name) != getattr(unset, name)]:
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
