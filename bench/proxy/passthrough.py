"""The least that a proxy in this stack can be, to compare with: ``python -m bench.proxy.passthrough PORT ENGINE_URL``."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse


def create_app(engine: str) -> FastAPI:
    """Passes every POST to the engine and its answer back; looks at nothing."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            app.state.session = session
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/{path:path}")
    async def forward(path: str, request: Request) -> Response:
        headers = {"Content-Type": "application/json"}
        answer = await app.state.session.post(f"{engine}/{path}", data=await request.body(), headers=headers)
        if answer.headers["Content-Type"].startswith("text/event-stream"):
            return StreamingResponse(answer.content.iter_any(), media_type="text/event-stream")
        return Response(await answer.read(), answer.status, media_type=answer.headers["Content-Type"])

    @app.get("/health")
    async def health() -> Response:
        return Response()

    return app


if __name__ == "__main__":
    uvicorn.run(
        create_app(sys.argv[2]), port=int(sys.argv[1]), log_level="warning", access_log=False, loop="uvloop"
    )
