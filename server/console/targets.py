"""The targets as an operator handles them: what there is, what its card says, and how each is in force."""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pydantic
from fastapi import APIRouter, Request
from fastapi.responses import Response
from markdown_it import MarkdownIt

from lethe.bundle import (
    Bundle,
    BundleError,
    DamagedBundle,
    kept_versions,
    restore_version,
    survey_bundles,
)
from lethe.server.access.access import Access
from lethe.server.audit.log import Audit
from lethe.server.console.auth import administrator
from lethe.server.console.prompt import read_request
from lethe.server.errors import BadRequest, Conflict, NotFound
from lethe.server.guard.guard import Guard
from lethe.server.openapi import body_schema
from lethe.server.reload import Reload, ReloadError
from lethe.server.settings.settings import Settings
from lethe.server.targets.rollout import (
    TargetDeployment,
    change_deployment,
    put_back_deployment,
    read_deployment,
)
from lethe.server.targets.targets import Target

_CARD = "README.md"
_FIGURES = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}
# Without HTML of its own: a card is shown, never trusted.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_FRONT_MATTER = "---\n"


class StateBody(pydantic.BaseModel):
    """How a target is to be in force."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    state: Literal["enabled", "shadow", "disabled"]
    percent: float | None = None


class RollbackBody(pydantic.BaseModel):
    """The version that is to be in its place again."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    version: str


_CHANGES: dict[str, dict[str, Any]] = {
    "enabled": {"enabled": True, "action": None},
    "shadow": {"enabled": True, "action": "observe"},
    "disabled": {"enabled": False},
}


class TargetRoutes:
    """Answers what the page asks of targets."""

    def __init__(
        self, settings: Settings, guard: Guard, access: Access, reload: Reload, audit: Audit
    ) -> None:
        self._settings = settings
        self._guard = guard
        self._access = access
        self._reload = reload
        self._audit = audit
        self._folder = settings.targets
        self._changing = asyncio.Lock()

    def add_to(self, router: APIRouter) -> None:
        """Add everything under ``/console/api/targets``."""
        router.get("/console/api/targets")(self.overview)
        router.get("/console/api/targets/{name}/card")(self.card)
        router.get("/console/api/targets/{name}/figures/{figure:path}")(self.figure)
        router.get("/console/api/targets/{name}/versions")(self.versions)
        router.post("/console/api/targets/{name}/rollback", openapi_extra=body_schema(RollbackBody))(
            self.rollback
        )
        router.post("/console/api/targets/{name}", openapi_extra=body_schema(StateBody))(self.change)

    async def overview(self, request: Request) -> dict[str, Any]:
        """Every bundle, in force or not, and what is wrong with those that are damaged."""
        administrator(request, self._access)
        return await self._overview()

    async def card(self, name: str, request: Request) -> dict[str, str]:
        """A bundle's model card, as HTML."""
        administrator(request, self._access)
        content = await asyncio.to_thread(_read, await self._bundle(name), _CARD)
        text = content.decode(errors="replace")
        if text.startswith(_FRONT_MATTER):
            text = text.partition("\n" + _FRONT_MATTER)[2]
        return {"html": _MARKDOWN.render(text)}

    async def figure(self, name: str, figure: str, request: Request) -> Response:
        """A plot of a bundle."""
        administrator(request, self._access)
        media_type = _FIGURES.get(os.path.splitext(figure)[1])
        if media_type is None:
            raise NotFound(f"{figure} is no figure")
        return Response(
            await asyncio.to_thread(_read, await self._bundle(name), figure), media_type=media_type
        )

    async def change(self, name: str, request: Request) -> dict[str, Any]:
        """Put a target in force otherwise, and say how all of them are then."""
        key = administrator(request, self._access)
        body = await read_request(request, self._settings, StateBody)
        await self.find(name)
        percent = {} if body.percent is None else {"percent": body.percent}
        async with self._changing:
            await self._put_in_force(name, _CHANGES[body.state] | percent)
        self._audit.record(
            {
                "time": time.time(),
                "event": "target_changed",
                "key": key.id,
                "target": name,
                "state": body.state,
            }
            | percent
        )
        return await self._overview()

    async def versions(self, name: str, request: Request) -> dict[str, Any]:
        """The version in place, and those before it that are kept, the newest first."""
        administrator(request, self._access)
        return await self._versions(await self.find(name))

    async def rollback(self, name: str, request: Request) -> dict[str, Any]:
        """Put an earlier version of a bundle in its place, in force at once."""
        key = administrator(request, self._access)
        body = await read_request(request, self._settings, RollbackBody)
        found = await self.find(name)
        if body.version not in {each.version for each in kept_versions(found.folder)}:
            raise NotFound(f"version {body.version} of {name} is not kept")
        before = found.version if isinstance(found, Bundle) else None
        async with self._changing:
            await _restore(found.folder, body.version)
            try:
                await self._reload.try_all()
            except ReloadError as error:
                if before is not None:
                    await _restore(found.folder, before)
                raise Conflict(f"What was in force stays: {error}") from None
        self._audit.record(
            {
                "time": time.time(),
                "event": "target_rolled_back",
                "key": key.id,
                "target": name,
                "version": body.version,
                "version_before": before,
            }
        )
        return await self._versions(await self.find(name))

    async def _versions(self, found: Bundle | DamagedBundle) -> dict[str, Any]:
        version = found.version if isinstance(found, Bundle) else None
        return {
            "version": version,
            "earlier": [
                {"version": each.version, "replaced": each.replaced.timestamp()}
                for each in await asyncio.to_thread(kept_versions, found.folder)
                if each.version != version
            ],
        }

    async def _put_in_force(self, name: str, changes: dict[str, Any]) -> None:
        try:
            before = read_deployment(self._folder).get(name)
            await asyncio.to_thread(change_deployment, self._folder, name, **changes)
        except BundleError as error:
            raise BadRequest(str(error)) from None
        except OSError as error:
            raise Conflict(
                f"{self._folder} cannot be written here ({error.strerror}); use `lethe targets` where it can"
            ) from None
        try:
            await self._reload.try_all()
        except ReloadError as error:
            await asyncio.to_thread(put_back_deployment, self._folder, name, before)
            raise Conflict(f"What was in force stays: {error}") from None

    async def _bundle(self, name: str) -> Bundle:
        found = await self.find(name)
        if isinstance(found, DamagedBundle):
            raise Conflict(str(found.fault))
        return found

    async def find(self, name: str) -> Bundle | DamagedBundle:
        """The bundle of a target, usable or not.

        Raises
        ------
        NotFound
            There is none.
        """
        for found in await self._survey():
            if found.name == name:
                return found
        raise NotFound(f"there is no target {name}")

    async def _survey(self) -> tuple[Bundle | DamagedBundle, ...]:
        try:
            return await asyncio.to_thread(survey_bundles, self._folder)
        except BundleError as error:
            raise Conflict(str(error)) from None

    async def _overview(self) -> dict[str, Any]:
        found = await self._survey()
        try:
            deployment = read_deployment(self._folder)
        except BundleError as error:
            raise Conflict(str(error)) from None
        by_model = self._guard.targets_by_model()
        in_force: dict[str, dict[str, Target]] = {}
        for model, targets in by_model.items():
            for target in targets:
                in_force.setdefault(target.name, {})[model] = target
        return {
            "targets": [
                _summary(each, deployment.get(each.name, TargetDeployment()), in_force.get(each.name, {}))
                for each in found
            ],
            "writable": os.access(self._folder, os.W_OK),
        }


def _summary(
    found: Bundle | DamagedBundle, how: TargetDeployment, in_force: Mapping[str, Target]
) -> dict[str, Any]:
    state = "disabled" if not how.enabled else "shadow" if how.action == "observe" else "enabled"
    shared = {
        "name": found.name,
        "in_force": next((each.version for each in in_force.values()), None),
        "state": state,
    }
    if isinstance(found, DamagedBundle):
        return shared | {"fault": str(found.fault)}
    manifest = found.manifest
    return shared | {
        "version": found.version,
        "description": manifest.description,
        "action": (how.action or manifest.action).value,
        # By model, what is done in its place where the bundle in force has nothing to act with before it.
        "done_instead": {
            model: target.action.value for model, target in in_force.items() if target.in_place_of
        },
        "percent": how.percent,
        "answers": how.answers.value if found.answer_classifier else "off",
        "threshold": manifest.threshold,
        "base_models": [each.id for each in manifest.models],
        "has_card": _CARD in manifest.files,
    }


async def _restore(folder: Path, version: str) -> None:
    try:
        await asyncio.to_thread(restore_version, folder, version)
    except BundleError as error:
        raise Conflict(str(error)) from None
    except OSError as error:
        raise Conflict(
            f"{folder.parent} cannot be written here ({error.strerror}); use `lethe targets rollback` where it can"
        ) from None


def _read(bundle: Bundle, name: str) -> bytes:
    # What the manifest lists lies inside the folder; nothing else is looked for.
    if name not in bundle.manifest.files:
        raise NotFound(f"{bundle.name} has no {name}")
    return (bundle.folder / name).read_bytes()
