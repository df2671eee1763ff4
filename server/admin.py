"""Routes for operators; each needs a key with the scope ``admin``."""

from typing import Any

from fastapi import APIRouter, Request

from server.access import Access
from server.errors import Conflict
from server.guard import Guard
from server.keys import Scope
from server.reload import Reload, ReloadError


def admin_routes(access: Access, guard: Guard, reload: Reload) -> APIRouter:
    """The routes under ``/admin``."""
    router = APIRouter(prefix="/admin")

    @router.get("/targets")
    async def targets(request: Request) -> dict[str, Any]:
        """The targets in force."""
        access.identify(request.headers, Scope.ADMIN)
        return _in_force(guard)

    @router.post("/reload")
    async def reload_all(request: Request) -> dict[str, Any]:
        """Load bundles and keys anew; on an error all that was in force stays."""
        access.identify(request.headers, Scope.ADMIN)
        try:
            await reload.try_all()
        except ReloadError as error:
            raise Conflict(f"What was in force stays: {error}") from None
        return _in_force(guard)

    return router


def _in_force(guard: Guard) -> dict[str, Any]:
    targets = [
        {"name": each.name, "version": each.version, "action": each.action.value, "percent": each.percent}
        for each in guard.targets
    ]
    return {"targets": targets}
