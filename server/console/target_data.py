"""Targets of one's own: their data in a folder, built by the `lethe` command, and put in shadow when they are."""

import asyncio
import contextlib
import importlib.util
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pydantic
from fastapi import APIRouter, Request

from lethe.bundle import (
    Bundle,
    BundleError,
    check_target_name,
    install_bundle,
    keep_version,
    load_bundle,
    restore_version,
    survey_bundles,
)
from lethe.bundle.files import replace_file
from lethe.server.access.access import Access
from lethe.server.audit.log import Audit
from lethe.server.console.auth import administrator
from lethe.server.console.builds import TargetBuilds, run_lethe
from lethe.server.console.prompt import read_request
from lethe.server.errors import BadRequest, Conflict, NotFound
from lethe.server.openapi import body_schema
from lethe.server.reload import Reload, ReloadError
from lethe.server.settings.settings import Settings
from lethe.server.targets.rollout import change_deployment, put_back_deployment, read_deployment

# What people write of a target. Not target.yaml, whose addresses a build connects to: that is its operator's.
FILES = (
    "forget.txt", "near.txt", "names.txt", "about.txt", "questions.yaml", "unknown.txt", "facts.txt", "ordinary.txt", "answers.yaml",
    "near_answers.yaml",
)  # fmt: skip
BUILT = ".bundles"
_OPTIONS = "target.yaml"


class NewTargetBody(pydantic.BaseModel):
    """The name of a target that is to be made."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    name: str


class TargetFileBody(pydantic.BaseModel):
    """What a file of a target's data is to hold."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    text: str


class TargetDataRoutes:
    """Answers what the page asks of targets that are being made."""

    def __init__(self, settings: Settings, access: Access, reload: Reload, audit: Audit) -> None:
        assert settings.console.target_data is not None
        self._settings = settings
        self._folder = settings.console.target_data
        self._access = access
        self._reload = reload
        self._audit = audit
        self._builds = TargetBuilds()

    def add_to(self, router: APIRouter) -> None:
        """Add everything under ``/console/api/target-data``."""
        path = "/console/api/target-data"
        router.get(path)(self.overview)
        router.post(path, openapi_extra=body_schema(NewTargetBody))(self.new)
        router.get(f"{path}/{{name}}")(self.files)
        router.post(f"{path}/{{name}}/files/{{file}}", openapi_extra=body_schema(TargetFileBody))(self.write)
        router.get(f"{path}/{{name}}/build")(self.build_state)
        router.post(f"{path}/{{name}}/build")(self.build)
        router.post(f"{path}/{{name}}/stop")(self.stop)
        router.post(f"{path}/{{name}}/shadow")(self.shadow)

    async def overview(self, request: Request) -> dict[str, Any]:
        """Every target whose data are here, with how much there is of them and what was built."""
        administrator(request, self._access)
        return await asyncio.to_thread(self._overview)

    async def new(self, request: Request) -> dict[str, Any]:
        """Make the folder of a new target, with files that say what goes into them."""
        key = administrator(request, self._access)
        body = await read_request(request, self._settings, NewTargetBody)
        try:
            check_target_name(body.name)
        except BundleError as error:
            raise BadRequest(str(error)) from None
        self._folder.mkdir(parents=True, exist_ok=True)
        status, said = await run_lethe(["target", "new", str(self._folder / body.name)])
        if status:
            raise Conflict(said.strip().removeprefix("lethe: "))
        self._record("target_data_made", key.id, body.name)
        return await asyncio.to_thread(self._overview)

    async def files(self, name: str, request: Request) -> dict[str, Any]:
        """The files of a target's data."""
        administrator(request, self._access)
        return {"files": await asyncio.to_thread(_texts, self._data(name))}

    async def write(self, name: str, file: str, request: Request) -> dict[str, Any]:
        """Change a file of a target's data."""
        key = administrator(request, self._access)
        folder = self._data(name)
        if file not in FILES:
            raise NotFound(f"{file} is no file of a target's data; there are {', '.join(FILES)}")
        body = await read_request(request, self._settings, TargetFileBody)
        await asyncio.to_thread(replace_file, folder / file, body.text, 0o600)
        self._record("target_data_changed", key.id, name, file=file)
        return await asyncio.to_thread(self._overview)

    async def build_state(self, name: str, request: Request) -> dict[str, Any]:
        """How far a target's build is."""
        administrator(request, self._access)
        self._data(name)
        return self._builds.state(name)

    async def build(self, name: str, request: Request) -> dict[str, Any]:
        """Build a target, or go on with its build, on the first engine of this proxy."""
        key = administrator(request, self._access)
        folder = self._data(name)
        if importlib.util.find_spec("sklearn") is None:
            raise Conflict(
                "this proxy has no offline jobs; install lethegate[offline] beside it, or build elsewhere"
            )
        engine = self._settings.engine
        address = str(engine.url[0]).rstrip("/") if engine.url else f"embedded:{self._settings.port}"
        key_of_engine = {"LETHE_ENGINE__API_KEY": engine.api_key.get_secret_value()} if engine.api_key else {}
        arguments = [
            "target",
            "build",
            str(folder),
            "--targets",
            str(self._folder / BUILT),
            "--engine",
            address,
        ]
        await self._builds.start(name, arguments, key_of_engine)
        self._record("target_build_started", key.id, name)
        return self._builds.state(name)

    async def stop(self, name: str, request: Request) -> dict[str, Any]:
        """Interrupt a target's build."""
        administrator(request, self._access)
        self._data(name)
        await self._builds.stop(name)
        return self._builds.state(name)

    async def shadow(self, name: str, request: Request) -> dict[str, Any]:
        """Put what was built among the bundles in force, where it only observes."""
        key = administrator(request, self._access)
        name = self._data(name).name
        built, target = self._folder / BUILT / name, self._settings.targets / name
        if not built.is_dir():
            raise NotFound(f"{name} was not built yet")
        before = await asyncio.to_thread(_version_of, target)
        how, bundle = None, None
        try:
            how = read_deployment(self._settings.targets).get(name)
            await asyncio.to_thread(
                change_deployment, self._settings.targets, name, enabled=True, action="observe"
            )
            await asyncio.to_thread(keep_version, target)
            bundle = await asyncio.to_thread(install_bundle, built, target)
            await self._reload.try_all()
        except (BundleError, OSError, ReloadError) as error:
            if bundle is not None:
                await asyncio.to_thread(_put_back, target, before)
            with contextlib.suppress(BundleError, OSError):
                await asyncio.to_thread(put_back_deployment, self._settings.targets, name, how)
            raise Conflict(f"what was in force stays; {name} cannot be put in shadow: {error}") from None
        self._record("target_added", key.id, name, version=bundle.version)
        return await asyncio.to_thread(self._overview)

    def _data(self, name: str) -> Path:
        """The folder of a target's data.

        Raises
        ------
        NotFound
            There is none.
        """
        for folder in self._folders():
            if folder.name == name:
                return folder
        raise NotFound(f"there are no data of a target {name}")

    def _folders(self) -> list[Path]:
        return sorted(path.parent for path in self._folder.glob(f"[!.]*/{_OPTIONS}"))

    def _overview(self) -> dict[str, Any]:
        staged = self._folder / BUILT
        built = {
            each.name: each.version
            for each in (survey_bundles(staged) if staged.is_dir() else ())
            if isinstance(each, Bundle)
        }
        return {
            "targets": [
                {
                    "name": folder.name,
                    "counts": {file: _count(text) for file, text in _texts(folder).items()},
                    "built": built.get(folder.name),
                    "running": self._builds.state(folder.name)["running"],
                }
                for folder in self._folders()
            ]
        }

    def _record(self, event: str, key: str, target: str, **more: Any) -> None:
        self._audit.record({"time": time.time(), "event": event, "key": key, "target": target, **more})


def _version_of(target: Path) -> str | None:
    """The version that stands somewhere; None for nothing, or for what is damaged: neither can be put back."""
    try:
        return load_bundle(target).version
    except BundleError:
        return None


def _put_back(target: Path, version: str | None) -> None:
    if version is None:
        shutil.rmtree(target, ignore_errors=True)
    elif _version_of(target) != version:
        restore_version(target, version)


def _texts(folder: Path) -> dict[str, str]:
    # One that cannot be read must not hide the others: what builds says what is wrong with it.
    return {
        file: path.read_text("utf-8", errors="replace") for file in FILES if (path := folder / file).is_file()
    }


def _count(text: str) -> int:
    """How many prompts, or items of a list, a file holds."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    items = [line for line in lines if re.match(r"- ", line)]
    return len(items) if items else len(lines)
