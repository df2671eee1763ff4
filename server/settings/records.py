"""Settings of what is written down and shown of requests."""

import pydantic
from pydantic import Field

from lethe.server.settings.section import Section, UserPath


class TracingSettings(Section):
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


class AuditSettings(Section):
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


class FeedbackSettings(Section):
    """What people say of verdicts, in a file for each target; see docs/training-classifiers.md.

    Attributes
    ----------
    folder
        Where the files are; without one nobody can say anything.
    """

    folder: UserPath | None = Field(default=None, examples=["./feedback"])


class ConsoleSettings(Section):
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
