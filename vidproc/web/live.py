"""What goes on at this moment, once or as a stream of events."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Response
from starlette.responses import StreamingResponse

from vidproc.coordinator.view import View
from vidproc.errors import UnknownJobError
from vidproc.web.feeds import Event, Feeds
from vidproc.web.jobs import details
from vidproc.web.places import Places
from vidproc.web.schemas import JobNow, WorkerPage

_MOST_WATCHERS = 256

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "events, as long as it goes on"}
}


def router(view: View) -> APIRouter:
    made = APIRouter(tags=["live"])
    feeds = Feeds(view)
    places = Depends(Places(_MOST_WATCHERS))
    lasting: dict[str, Any] = {"response_class": Response, "responses": _EVENTS, "dependencies": [places]}

    @made.get("/jobs/{job_id}/now", summary="A job that goes on, or ended not long ago: its chunks, pace, troubles")
    async def job_now(job_id: str) -> JobNow:
        return _as_json(view.job_now((await view.job(job_id)).summary.id))  # type: ignore[return-value]

    @made.get("/jobs/{job_id}/events", summary="The same, as it changes", **lasting)
    async def job_events(job_id: str) -> Response:
        """First `now` with all of it; then, at most twice a second, `change` with what changed: `now` without its
        chunks, and those of them that `changed`, by number. At the end `end`, with the job's details; of a job that
        ended before, that alone."""
        return _stream(_until_the_end(_from_now_on(feeds, (await view.job(job_id)).summary.id), view, job_id))

    @made.get("/workers", summary="The daemons that are connected")
    async def list_workers() -> WorkerPage:
        return _as_json({"workers": view.workers()})  # type: ignore[return-value]

    @made.post("/workers/{name}/drain", status_code=202, summary="Have a daemon finish what it has in hand, and leave")
    async def drain_worker(name: str) -> Response:
        view.drain(name)
        return Response(status_code=202)

    @made.get("/events", summary="Daemons and jobs, as they change", **lasting)
    async def cluster_events() -> Response:
        """Each `cluster` has all `workers`, and those `jobs` that go on."""
        return _stream(feeds.cluster())

    return made


def _as_json(what: object) -> Response:
    """As it is: it has its types from ours."""
    return Response(msgspec.json.encode(what), media_type="application/json")


def _stream(events: AsyncIterator[Event]) -> Response:
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})


def _from_now_on(feeds: Feeds, job_id: str) -> AsyncIterator[Event] | None:
    """None of a job that ended before: what is known of it is written down."""
    with contextlib.suppress(UnknownJobError):
        return feeds.job(job_id)
    return None


async def _until_the_end(events: AsyncIterator[Event] | None, view: View, job_id: str) -> AsyncIterator[Event]:
    if events is not None:
        async for each in events:
            yield each
    yield b"event: end\ndata: %s\n\n" % (await details(view, job_id)).model_dump_json().encode()
