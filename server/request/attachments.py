"""What becomes of a request's parts that are no text: read, let through, or told of, as the policy says by their kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lethe.server.endpoints.endpoint import GuardedRequest
from lethe.server.endpoints.media_parts import MediaPart, media_parts, with_parts
from lethe.server.errors import BadRequest
from lethe.server.guard.policy import Unjudged
from lethe.server.media.errors import Unread
from lethe.server.media.reader import MediaReader
from lethe.server.settings.policy import Fallback, OnPart, PolicySettings


@dataclass(frozen=True)
class Seen:
    """A request as it can be judged.

    Attributes
    ----------
    request
        With texts in the place of all parts that are no text: what was read in them, and what stands beside them.
    unjudged
        What becomes of it because of what could not be judged.
    shows_read
        Whether the model is shown something of which the text was read.
    """

    request: GuardedRequest
    unjudged: Sequence[Unjudged] = ()
    shows_read: bool = False


class Attachments:
    """Has parts read."""

    def __init__(self, policy: PolicySettings, reader: MediaReader) -> None:
        self._policy = policy
        self._reader = reader

    async def files_as_text(self, request: GuardedRequest) -> GuardedRequest:
        """A request with the text of files in their place, if they are to be read.

        Raises
        ------
        BadRequest
            One cannot be read.
        Unavailable
            Too many others are read.
        """
        if self._policy.parts.file is not OnPart.READ:
            return request
        texts, until = {}, self._reader.until()
        for part in media_parts(request.body, request.media_fields):
            if part.kind == "file":
                try:
                    text = await self._reader.text("file", part.content(), until)
                except Unread as error:
                    raise BadRequest(
                        f"{part.place}: the file {error}", param=part.place, code="unclassifiable"
                    ) from None
                texts[part.path] = part.as_text(f"{part.name}\n{text}" if part.name else text)
        return replace(request, body=with_parts(request.body, texts)) if texts else request

    async def seen(self, request: GuardedRequest) -> Seen:
        """A request as it can be judged.

        Raises
        ------
        BadRequest
            A picture that is to be read is not there.
        Unavailable
            Too many others are read.
        """
        texts, unjudged, shows_read = {}, [], False
        until = self._reader.until()
        for part in media_parts(request.body, request.media_fields):
            said = [part.said_besides()]
            policy = getattr(self._policy.parts, part.kind) or self._policy.on_unclassifiable
            if policy is OnPart.READ and part.kind == "image":
                try:
                    said.insert(0, await self._reader.text("image", part.content(), until))
                    shows_read = True
                except Unread as error:
                    unjudged.append(Unjudged(self._policy.on_unclassifiable, _said(part, str(error))))
            elif policy is not OnPart.READ:
                unjudged.append(Unjudged(Fallback(policy), _said(part, "is not text")))
            texts[part.path] = part.as_text("\n".join(filter(None, said)))
        if not texts:
            return Seen(request)
        return Seen(replace(request, body=with_parts(request.body, texts)), unjudged, shows_read)


def _said(part: MediaPart, fault: str) -> str:
    return f"{part.place}: the part of type {part.part.get('type')!r} {fault}"
