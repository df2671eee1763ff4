"""What administrators say of verdicts, one approving what another says; a command trains with what counts."""

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import pydantic
from fastapi import APIRouter, Request

from lethe.bundle import Bundle, DamagedBundle
from lethe.classifier.errors import ClassifierError
from lethe.classifier.feedback import LONGEST_TEXT, Feedback, FeedbackFile, FeedbackVerdict, counting
from lethe.server.access.access import Access
from lethe.server.audit.log import Audit
from lethe.server.console.auth import administrator
from lethe.server.console.prompt import read_request
from lethe.server.errors import BadRequest, Conflict, NotFound
from lethe.server.openapi import body_schema
from lethe.server.settings.settings import Settings

# The page shows the newest; `lethe feedback list` shows all.
_SHOWN = 200

FindBundle = Callable[[str], Awaitable[Bundle | DamagedBundle]]


class FeedbackBody(pydantic.BaseModel):
    """A text, and whether it is about the target."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    text: Annotated[str, pydantic.Field(min_length=1, max_length=LONGEST_TEXT)]
    verdict: Literal["about", "not-about"]


class FeedbackDecisionBody(pydantic.BaseModel):
    """What becomes of an entry."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    decision: Literal["approved", "withdrawn"]


class FeedbackRoutes:
    """Answers what the page asks of feedback.

    Parameters
    ----------
    find
        The bundle of a target; raises `NotFound`.
    """

    def __init__(self, settings: Settings, access: Access, audit: Audit, find: FindBundle) -> None:
        self._settings = settings
        self._access = access
        self._audit = audit
        self._find = find

    def add_to(self, router: APIRouter) -> None:
        """Add everything under ``/console/api/targets/{name}/feedback``."""
        path = "/console/api/targets/{name}/feedback"
        router.get(path)(self.entries)
        router.post(path, openapi_extra=body_schema(FeedbackBody))(self.give)
        router.post(path + "/{identity}", openapi_extra=body_schema(FeedbackDecisionBody))(self.decide)

    async def entries(self, name: str, request: Request) -> dict[str, Any]:
        """What was said of a target, the newest first, and the command that trains with what counts of it."""
        key = administrator(request, self._access)
        file, _ = await self._found(name)
        return await _entries(file, name, key.id)

    async def give(self, name: str, request: Request) -> dict[str, Any]:
        """Say that a text is about a target, or that it is not."""
        key = administrator(request, self._access)
        body = await read_request(request, self._settings, FeedbackBody)
        file, bundle = await self._found(name)
        given = await _done(
            file.give,
            body.text,
            FeedbackVerdict(body.verdict),
            by=key.id,
            version=bundle.version if isinstance(bundle, Bundle) else "",
            needs_approval=len(self._access.administrators) > 1,
        )
        self._record("feedback_given", key.id, name, given)
        return await _entries(file, name, key.id)

    async def decide(self, name: str, identity: str, request: Request) -> dict[str, Any]:
        """Approve what another administrator said, or withdraw what anybody did."""
        key = administrator(request, self._access)
        body = await read_request(request, self._settings, FeedbackDecisionBody)
        file, _ = await self._found(name)
        if identity not in {each.id for each in await _done(file.read)}:
            raise NotFound(f"there is no feedback {identity} on {name}")
        decided = await _done(file.decide, identity, body.decision, by=key.id)
        self._record(f"feedback_{body.decision}", key.id, name, decided)
        return await _entries(file, name, key.id)

    async def _found(self, name: str) -> tuple[FeedbackFile, Bundle | DamagedBundle]:
        bundle = await self._find(name)
        if self._settings.feedback.folder is None:
            raise Conflict("No feedback is kept here; the operator names a folder for it in feedback.folder.")
        return FeedbackFile(self._settings.feedback.folder, name), bundle

    def _record(self, event: str, key: str, target: str, feedback: Feedback) -> None:
        self._audit.record(
            {
                "time": time.time(),
                "event": event,
                "key": key,
                "target": target,
                "feedback": feedback.id,
                "verdict": feedback.verdict.value,
            }
        )


async def _entries(file: FeedbackFile, name: str, key: str) -> dict[str, Any]:
    entries = await _done(file.read)
    count = sum(map(len, counting(entries).values()))
    folder = shlex.quote(str(file.path.parent))
    return {
        "entries": [
            {
                "id": each.id,
                "time": each.time.timestamp(),
                "by": each.by,
                "verdict": each.verdict.value,
                "text": each.text,
                "version": each.version,
                "state": each.state.value,
                "decided_by": each.decided_by,
                "own": each.by == key,
            }
            for each in reversed(entries[-_SHOWN:])
        ],
        "counting": count,
        "command": f"lethe classifier train --target {name} --feedback {folder} --forget ... --retain ...",
    }


async def _done(work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    try:
        return await asyncio.to_thread(work, *arguments, **named)
    except ClassifierError as error:
        raise BadRequest(str(error)) from None
    except OSError as error:
        raise Conflict(f"The feedback cannot be kept: {error.strerror}.") from None
