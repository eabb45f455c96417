"""Films and pictures over HTTP: what a film is, a frame through filters before any job, a frame of a job."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from vidproc.coordinator.picture_orders import Picture, Side
from vidproc.coordinator.view import View
from vidproc.protocol.structure import to_plain
from vidproc.web.etags import has_it
from vidproc.web.filter_files import with_files
from vidproc.web.motion_jpeg import MEDIA_TYPE, Viewers
from vidproc.web.picture_schemas import HIGHEST, WIDEST, FilmFacts, PreviewRequest, Stream
from vidproc.web.places import Places

_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}, "description": "the picture"}}

_GIF: dict[int | str, dict[str, Any]] = {200: {"content": {"image/gif": {}}, "description": "it goes on for ever"}}
_MJPEG: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: {}}, "description": "JPEGs, one by one"}}

SmallWidth = Annotated[int, Query(ge=16, le=640, description="pixels at most")]
Width = Annotated[int, Query(ge=16, le=WIDEST, description="pixels at most")]
Number = Annotated[int, Path(ge=0, le=HIGHEST)]
_FOR_GOOD = "private, max-age=86400, immutable"
"""Frames of a job that has ended never change."""
_MOST_VIEWERS = 64
T = TypeVar("T")


def router(view: View) -> APIRouter:
    made = APIRouter(tags=["pictures"])

    @made.get("/films/{source}", summary="What a film is that is held")
    async def show_film(source: str) -> FilmFacts:
        """`source` is its SHA-256, or the id of its upload."""
        facts = await view.gallery.facts((await view.uploads.film(source)).path)
        streams = [Stream(type=kind, codec=codec) for kind, codec in facts.streams]
        return FilmFacts(**{**to_plain(facts), "source": source, "streams": streams})

    @made.post("/preview", summary="A frame of a film through filters", response_class=Response, responses=_JPEG)
    async def preview(asked: PreviewRequest, request: Request) -> Response:
        """Where a filter remembers more of the film than was gone through, `X-Vidproc-Approximate` says so."""
        return _answer(await _while_wanted(request, _preview(view, asked)), {"cache-control": "no-store"})

    return made


def previews(view: View) -> APIRouter:
    """What lies outside the API's prefix, for pages and `img` elements."""
    made = APIRouter(tags=["pictures"])
    viewers, places = Viewers(view.gallery), Places(_MOST_VIEWERS)

    @made.get("/frame/{number}", summary="A frame of a job", response_class=Response, responses=_JPEG)
    async def show_frame(
        number: Number, request: Request, job: str = "", side: Side = "result", width: Width = 960
    ) -> Response:
        found = await view.on_show(job)
        tag = f'"{found.job_id}-{side}-{number}-{width}"'
        headers = {"etag": tag, "cache-control": _FOR_GOOD if found.ended and job else "no-cache"}
        if has_it(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        shown = await _while_wanted(request, view.gallery.frame(found.job_id, number, side, width))
        return _answer(shown, headers)

    @made.get("/preview.gif", summary="A job's result so far, in a few frames", response_class=Response, responses=_GIF)
    async def show_gif(request: Request, job: str = "", width: SmallWidth = 320) -> Response:
        found = await view.on_show(job)
        shown = await _while_wanted(request, view.gallery.animation(found.job_id, width))
        return Response(shown.data, media_type="image/gif", headers={"cache-control": "no-cache"})

    lasting: dict[str, Any] = {"response_class": Response, "responses": _MJPEG, "dependencies": [Depends(places)]}

    @made.get("/preview.mjpeg", summary="A job's newest frames", **lasting)
    async def show_mjpeg(job: str = "", width: Width = 640) -> Response:
        """Of a job that goes on the newest frame, at most twice a second and less often where many watch, until it
        ends; of one that has ended some from all over it."""
        parts = await viewers.watch(await view.on_show(job), width)
        return StreamingResponse(parts, media_type=MEDIA_TYPE, headers={"cache-control": "no-store"})

    return made


async def _preview(view: View, asked: PreviewRequest) -> Picture:
    film = await view.uploads.film(asked.source)
    if asked.side == "source":
        return await view.gallery.source(film.path, asked.frame, asked.width)
    job, files = await with_files(view, asked.spec())
    where = {sha256: file.path for sha256, file in files.items()}
    return await view.gallery.preview(film.path, asked.frame, asked.width, job, where)


def _answer(shown: Picture, headers: Mapping[str, str]) -> Response:
    said = {"x-vidproc-approximate": "true"} if shown.approximate else {}
    return Response(shown.data, media_type="image/jpeg", headers={**headers, **said})


async def _while_wanted(request: Request, making: Coroutine[Any, Any, T]) -> T:
    """Given up when the one who asked is gone: who turns a knob asks for a picture at each step."""
    task, gone = asyncio.create_task(making), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise HTTPException(408, "nobody waits for the picture any more")
        return task.result()
    finally:
        for each in (task, gone):
            each.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
