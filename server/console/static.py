"""The page's own files: few, small, without secrets, and given with a strict policy."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.staticfiles import StaticFiles

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


def add_page_routes(router: APIRouter) -> None:
    """Add the page and what it is made of; anybody may have them."""
    files = StaticFiles(packages=[("lethe.server.console", "page")])

    async def give(name: str, request: Request) -> Response:
        response = await files.get_response(name, request.scope)
        response.headers.update(SECURITY_HEADERS | {"Cache-Control": "no-cache"})
        return response

    @router.get("/console", include_in_schema=False)
    async def index(request: Request) -> Response:
        return await give(_INDEX, request)

    @router.get("/console/{name}", include_in_schema=False)
    async def file(name: str, request: Request) -> Response:
        return await give(name, request)
