"""The page's own files: few, small, without secrets, held in memory, and given with a strict policy."""

import hashlib
from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import Response

from lethe.server.errors import NotFound

_FOLDER = files("lethe.server.console") / "page"
_MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_INDEX = "index.html"
SECURITY_HEADERS = {
    # Nothing from elsewhere, nothing inline, no frame around it, and forms go nowhere.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def page_routes() -> APIRouter:
    """The page and what it is made of; anybody may have them."""
    router = APIRouter(include_in_schema=False)
    contents = {entry.name: entry.read_bytes() for entry in _FOLDER.iterdir() if entry.is_file()}

    def give(name: str, request: Request) -> Response:
        content = contents[name]
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = SECURITY_HEADERS | {"Cache-Control": "no-cache", "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=_MEDIA_TYPES[name.rpartition(".")[2]])

    @router.get("/console")
    async def index(request: Request) -> Response:
        return give(_INDEX, request)

    @router.get("/console/{name}")
    async def file(name: str, request: Request) -> Response:
        if name not in contents:
            raise NotFound(f"there is no /console/{name}")
        return give(name, request)

    return router
