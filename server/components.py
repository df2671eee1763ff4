"""What the HTTP surface is built from."""

from dataclasses import dataclass

from lethe.server.access.access import Access
from lethe.server.audit.log import Audit
from lethe.server.drain import Drain
from lethe.server.engines.pool import Engines
from lethe.server.guard.guard import Guard
from lethe.server.metrics import Metrics
from lethe.server.reload import Reload
from lethe.server.request.placement import Placer
from lethe.server.request.tracing import Tracing
from lethe.server.settings import Settings


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
