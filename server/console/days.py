"""What each target did and would have done, by day, as far as the newest of the audit log tells."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from lethe.bundle import BundleError
from lethe.server.access.access import Access
from lethe.server.audit.files import last_entries
from lethe.server.audit.summary import summarize_days
from lethe.server.console.auth import administrator
from lethe.server.errors import Conflict
from lethe.server.settings import Settings
from lethe.server.targets.rollout import own_actions

_ENTRIES, _BYTES = 100_000, 32 << 20


def add_days_route(router: APIRouter, settings: Settings, access: Access) -> None:
    """Add the route of the table by day."""

    @router.get("/console/api/days")
    async def days(request: Request) -> dict[str, Any]:
        """By day and target, the newest first; `lethe audit days` reads the whole log."""
        administrator(request, access)
        folder = settings.audit.folder
        if folder is None:
            return {"days": None, "since": None}
        try:
            return await asyncio.to_thread(_days, folder, settings.targets)
        except BundleError as error:
            raise Conflict(str(error)) from None


def _days(folder: Path, targets: Path) -> dict[str, Any]:
    entries = last_entries(folder, _ENTRIES, _BYTES)
    rows = summarize_days(entries, own_actions(targets))
    return {
        "days": [dataclasses.asdict(row) for row in rows],
        "since": entries[-1].get("time") if entries else None,
    }
