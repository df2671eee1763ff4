"""What became of the playground's last answers: whether one told of a target, where it was caught, and what was done."""

from typing import Any

from fastapi import APIRouter, Request

from lethe.server.access.access import Access
from lethe.server.console.auth import administrator
from lethe.server.errors import NotFound
from lethe.server.request.record import Record

_KEPT = 64


class Answered:
    """Keeps the last few records, without any text."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._records: dict[str, Record] = {}

    def keep(self, record: Record) -> None:
        """A request has begun."""
        self._records[record.request_id] = record
        if len(self._records) > _KEPT:
            del self._records[next(iter(self._records))]

    def add_to(self, router: APIRouter) -> None:
        """Add the route."""

        @router.get("/console/api/answered/{request_id}")
        async def answered(request: Request, request_id: str) -> dict[str, Any]:
            """What was decided of one answer."""
            administrator(request, self._access)
            record = self._records.get(request_id)
            if record is None:
                raise NotFound("No answer of that id was given in the console lately.")
            return {"answer": record.answer}
