"""New jobs over HTTP: on a film that is here, by JSON, or that comes along, by a form."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError

from vidproc.coordinator.view import View
from vidproc.errors import ClientError, UnknownUploadError
from vidproc.model import MOST_FILE_BYTES
from vidproc.protocol.structure import to_plain
from vidproc.web.bodies import LARGEST, streamed
from vidproc.web.filter_files import contents, names_a_file, with_files
from vidproc.web.forms import Form, Part
from vidproc.web.job_request import FILM, JOB, JobChoices, JobRequest, form_schema
from vidproc.web.schemas import JobSummary

_FORM = "multipart/form-data"

_BY_FORM = {"requestBody": {"content": {_FORM: {"schema": form_schema()}}}}


def router(view: View) -> APIRouter:
    async def by_form(request: Request) -> Response:
        async with _form(view, request) as (asked, parts):
            if asked is None or FILM not in parts:
                raise ClientError(f"a form for a job has two parts at least: {JOB}, which is JSON, and {FILM}, a file")
            job = await _submit(view, asked, parts[FILM], parts)
        headers = {"Location": _place(request, job)}
        return Response(job.model_dump_json(), 201, headers, media_type="application/json")

    made = APIRouter(prefix="/jobs", tags=["jobs"], route_class=_or_by_form(by_form))

    @made.post("", status_code=201, summary="A new job", openapi_extra=_BY_FORM)
    async def new_job(asked: JobRequest, request: Request, response: Response) -> JobSummary:
        """By JSON on a film that is here; or by a form with the film in it, and with whatever other files its filters
        name, which they do by the names of their parts."""
        job = await _submit(view, asked, asked.source, {})
        response.headers["Location"] = _place(request, job)
        return job

    return made


def _or_by_form(by_form: Callable[[Request], Awaitable[Response]]) -> type[APIRoute]:
    """Routes for which a form is not read by FastAPI, which would have it in memory."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            by_json = super().get_route_handler()

            async def handle(request: Request) -> Response:
                if request.headers.get("content-type", "").lower().startswith(_FORM):
                    return await by_form(request)
                return await by_json(request)

            return handle

    return Route


def _place(request: Request, job: JobSummary) -> str:
    return f"{request.url.path}/{job.id}"


@contextlib.asynccontextmanager
async def _form(view: View, request: Request) -> AsyncIterator[tuple[JobChoices | None, Mapping[str, str]]]:
    """The job that a form asks for, and its files as uploads by the names of their parts; those are gone after that."""
    asked, parts = None, dict[str, str]()
    form = Form(request.headers["content-type"], streamed(request))
    announced = request.headers.get("content-length", "0")
    try:
        async for part in form.parts():
            if part.name == JOB:
                asked = await _choices(part)
                _check_early(view, asked)
            else:
                await _take(view, part, parts, int(announced))
        yield asked, parts
    finally:
        for upload in parts.values():
            with contextlib.suppress(UnknownUploadError):
                await view.uploads.remove(upload)


async def _choices(part: Part) -> JobChoices:
    text = b"".join([piece async for piece in part.bounded(LARGEST)])
    try:
        return JobChoices.model_validate_json(text)
    except ValidationError as error:
        raise RequestValidationError([each | {"loc": (JOB, *each["loc"])} for each in error.errors()]) from None


def _check_early(view: View, asked: JobChoices) -> None:
    """What is known to be wrong before the film comes need not wait for it; what names a file has to."""
    spec = asked.spec()
    if not any(map(names_a_file, spec.filters)):
        view.check(spec, asked.name)


async def _take(view: View, part: Part, parts: dict[str, str], most: int) -> None:
    if part.name in parts:
        raise ClientError(f"the form has two parts that are named {part.name[:64]}")
    upload = (await view.uploads.create(part.file_name[:255], None, most)).id
    parts[part.name] = upload
    data = part.data() if part.name == FILM else part.bounded(MOST_FILE_BYTES)
    await view.uploads.receive(upload, 0, data)
    await view.uploads.finish(upload)


async def _submit(view: View, asked: JobChoices, source: str, parts: Mapping[str, str]) -> JobSummary:
    """`parts` are uploads by the names that filters may call them by."""
    film = await view.uploads.film(source)
    spec, named = await with_files(view, asked.spec(), parts)
    files = await contents(named)
    await view.uploads.keep_source(film)
    job = await view.submit(spec, asked.name or film.name, film.size, film.sha256, files)
    await view.uploads.release(source)
    return JobSummary(**to_plain(job))
