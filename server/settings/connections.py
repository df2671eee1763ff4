"""Settings of the connections to clients, and of what limits them."""

import ipaddress
from typing import Annotated, Literal, Self

import pydantic
from pydantic import Field
from pydantic_settings import NoDecode

from lethe.server.settings.section import COMMAS, Section, UserPath

ForwardedHeader = Literal["x-forwarded-for", "forwarded"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network | Literal["unix"]
Networks = Annotated[tuple[Network, ...], COMMAS, NoDecode]


class TrustedProxySettings(Section):
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


class LimitSettings(Section):
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
        How long a client may take nothing of an answer that waits for it.
    max_connections
        How many connections clients may have. For one more, the one that has been without a request for the longest is
        closed.
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
    max_connections: int = Field(default=8192, ge=1)
    max_requests: int = Field(default=4096, ge=1)
    max_bodies_bytes: int = Field(default=256 << 20, ge=1024)
    max_messages: int = Field(default=20_000, ge=1)
    max_parts: int = Field(default=20_000, ge=1)
    max_prompts: int = Field(default=16_384, ge=1)
    checks_per_minute: int = Field(default=120, ge=1)


class RedisSettings(Section):
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


class TlsSettings(Section):
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
