"""What the HTTP surface is built from."""

from dataclasses import dataclass

from server.access import Access
from server.audit import Audit
from server.drain import Drain
from server.engines import Engines
from server.guard import Guard
from server.metrics import Metrics
from server.placement import Placer
from server.reload import Reload
from server.settings import Settings
from server.tracing import Tracing


@dataclass(frozen=True)
class Components:
    """The parts of a proxy, made and opened by whoever serves it.

    Attributes
    ----------
    engine
        The engines behind it, as one.
    guard
        The targets in force.
    placer
        Knows where in a prompt corruptions fall.
    access
        Who may ask.
    audit
        Takes what was decided.
    drain
        Whether the proxy is stopping.
    """

    settings: Settings
    engine: Engines
    guard: Guard
    placer: Placer
    access: Access
    reload: Reload
    metrics: Metrics
    audit: Audit
    tracing: Tracing
    drain: Drain
