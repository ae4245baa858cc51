"""Routes about the cloud itself: health, events, kinds of problems."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from cloud_sync.api.answering import Backend
from cloud_sync.api.events import RevisionFeed
from cloud_sync.api.problems import PROBLEMS, ApiError

__all__ = ["system_routes"]

system_routes = APIRouter(tags=["system"])


@system_routes.get("/health")
def health(backend: Backend) -> Response:
    """Say that the cloud answers; 503 while its database is out of reach. Needs no token."""
    return JSONResponse({"status": "ok", "revision": backend.revision()})


@system_routes.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"description": "Revisions", "content": {"text/event-stream": {}}}},
)
async def events(request: Request) -> StreamingResponse:
    """Stream a server-sent event ``revision`` at once and whenever anything has changed."""
    feed: RevisionFeed = request.app.state.feed
    headers = {"X-Accel-Buffering": "no"}  # a reverse proxy would hold the messages back
    return StreamingResponse(feed.stream(), media_type="text/event-stream", headers=headers)


@system_routes.get("/problems/{name}")
def problem(name: str) -> Response:
    """Explain the ``type`` of a problem."""
    kind = PROBLEMS.get(name)
    if kind is None:
        raise ApiError("not-found", f"no problem is called {name!r}; see {', '.join(PROBLEMS)}")
    return JSONResponse(
        {"name": kind.name, "status": kind.status, "title": kind.title, "advice": kind.advice}
    )
