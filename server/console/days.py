"""What each target did and would have done, by day, as far as the newest of the audit log tells."""

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from lethe.server.access.access import Access
from lethe.server.audit.files import last_entries
from lethe.server.audit.summary import summarize_days
from lethe.server.console.auth import administrator
from lethe.server.guard.guard import Guard
from lethe.server.settings.settings import Settings

_ENTRIES, _BYTES = 100_000, 32 << 20


def add_days_route(router: APIRouter, settings: Settings, guard: Guard, access: Access) -> None:
    """Add the route of the table by day."""

    @router.get("/console/api/days")
    async def days(request: Request) -> dict[str, Any]:
        """By day and target, the newest first; `lethe audit days` reads the whole log."""
        administrator(request, access)
        folder = settings.audit.folder
        if folder is None:
            return {"days": None, "since": None}
        actions = {each.name: each.bundle.manifest.action.value for each in guard.targets}
        return await asyncio.to_thread(_days, folder, actions)


def _days(folder: Path, actions: Mapping[str, str]) -> dict[str, Any]:
    entries = last_entries(folder, _ENTRIES, _BYTES)
    return {
        "days": [dataclasses.asdict(row) for row in summarize_days(entries, actions)],
        "since": entries[-1].get("time") if entries else None,
    }
