"""The way of a POST past the framework, to an endpoint that takes the bare request.

What the framework does for a route, from matching paths one after another to its parameters and exit stacks, costs more
than everything that these endpoints do themselves. The routes stand beside, for the document and for what is no POST.
"""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class StraightPosts:
    """Has POSTs to some paths answered at once, and everything else by the application.

    Parameters
    ----------
    endpoints
        By their paths. An `APIError` that is raised in one is answered by the one itself.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            endpoint = self._endpoints.get(scope["path"].removeprefix(scope["root_path"]))
            if endpoint is not None:
                response = await endpoint(Request(scope, receive))
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
