"""What goes on now: counters as they stand, the engine's load, and the last decisions. Rates are the page's to work out."""

import asyncio
import operator
import re
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry

from lethe.server.access.access import Access
from lethe.server.audit.files import last_entries
from lethe.server.console.auth import administrator
from lethe.server.engines.models import Models
from lethe.server.engines.served import Served
from lethe.server.errors import APIError
from lethe.server.metrics import Metrics
from lethe.server.request.metrics import NO_TARGET
from lethe.server.settings.settings import Settings

_DECISIONS, _DECISIONS_BYTES = 50, 256 << 10
_CACHE_SHARE = "vllm:kv_cache_usage_perc"
_ENGINE_METRICS = {
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
    _CACHE_SHARE: "kv_cache",
    "lethe_plugin_corrupted_requests_total": "corrupted",
}
_ENGINE_LINE = re.compile(
    rf"^({'|'.join(map(re.escape, _ENGINE_METRICS))})(?:{{[^}}]*}})? (\S+)", re.MULTILINE
)
_TIMES = {
    "lethe_request_seconds": "request",
    "lethe_upstream_first_byte_seconds": "first_byte",
    "lethe_classify_seconds": "classify",
}


def add_live_route(
    router: APIRouter, settings: Settings, models: Models, access: Access, metrics: Metrics
) -> None:
    """Add the route that the page asks every other second."""
    # The counters are of this process, and begin with it.
    started = time.time()

    @router.get("/console/api/live")
    async def live(request: Request) -> dict[str, Any]:
        """All of it."""
        administrator(request, access)
        return {
            "time": time.time(),
            "started": started,
            **_counted(metrics.registry),
            "engines": await asyncio.gather(*map(_engine, models)),
            "decisions": await asyncio.to_thread(_decisions, settings.audit.folder),
        }


def _counted(registry: CollectorRegistry) -> dict[str, Any]:
    """Requests, the flagged among them, those by flagged target, and the histograms of times summed over routes."""
    requests = unflagged = in_flight = 0.0
    targets: defaultdict[str, float] = defaultdict(float)
    times: dict[str, defaultdict[str, float]] = {name: defaultdict(float) for name in _TIMES.values()}
    for family in registry.collect():
        for sample in family.samples:
            if sample.name == "lethe_outcomes_total":
                requests += sample.value
            elif sample.name == "lethe_requests_total" and sample.labels["target"] == NO_TARGET:
                unflagged += sample.value
            elif sample.name == "lethe_requests_total":
                targets[sample.labels["target"]] += sample.value
            elif sample.name == "lethe_requests_in_flight":
                in_flight = sample.value
            elif family.name in _TIMES and "le" in sample.labels:
                times[_TIMES[family.name]][sample.labels["le"]] += sample.value
    return {
        "requests": requests,
        # lethe_requests counts a flagged request once for each target, and one that is not just once.
        "flagged": requests - unflagged,
        "targets": targets,
        "in_flight": in_flight,
        "seconds": times,
    }


async def _engine(served: Served) -> dict[str, Any]:
    engines = served.engines
    state: dict[str, Any] = {
        "model": served.name,
        "ready": engines.ready,
        "reason": engines.unavailable_because,
    }
    try:
        page = await engines.metrics_text()
    except APIError:
        return state
    load: defaultdict[str, float] = defaultdict(float)
    for name, value in _ENGINE_LINE.findall(page):
        figure = _ENGINE_METRICS[name]
        # Requests add up over engines. Shares of their caches do not, and those of the fullest engine wait first.
        combined = max if name == _CACHE_SHARE else operator.add
        load[figure] = combined(load[figure], float(value))
    return state | load


def _decisions(folder: Path | None) -> list[dict[str, Any]] | None:
    """The newest entries of the audit log; None where none is kept."""
    if folder is None:
        return None
    entries = last_entries(folder, _DECISIONS, _DECISIONS_BYTES)
    return [
        {name: value for name, value in entry.items() if name not in ("seal", "text")} for entry in entries
    ]
