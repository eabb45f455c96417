"""Errors as problem details (RFC 9457): one shape for whatever goes wrong, with the sentence that says what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from vidproc.errors import (
    BusyError,
    ChecksumError,
    ClientError,
    ConflictError,
    FilterError,
    GoneError,
    MediaError,
    NotHereError,
    NotYetError,
    StalledError,
    StorageError,
    TooLargeError,
    UnknownJobError,
    UnknownUploadError,
    UnknownWorkerError,
    VidprocError,
    one_line,
)

CHECKSUM_MISMATCH = 460
"""A status of tus 1.0's own."""
_WHAT_TO_DO = {
    404: "nothing is at this address; /api/v1/openapi.json tells what there is",
    405: "nothing here goes by this method; Allow names those that do",
}
"""Where it was not even found out who should answer."""


class Problem(BaseModel):
    """What every answer that is no success holds, as `application/problem+json`."""

    type: str = Field("about:blank", description="which kind of problem; vidproc's own are urn:vidproc:CODE")
    title: str = Field(description="the same for all of its kind")
    status: int
    detail: str = Field("", description="what is wrong here, and what to do")
    errors: list[dict[str, Any]] | None = Field(None, description="where in the request, if it was not well formed")


_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}, "model": Problem}
ANSWERS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "What is wrong with the request", **_PROBLEM},
    "5XX": {"description": "What the coordinator lacks", **_PROBLEM},
}
"""For the routes' description in OpenAPI."""


def problem(status: int, detail: str, code: str = "", **more: Any) -> Response:
    """An answer that says so."""
    kind = f"urn:vidproc:{code}" if code else "about:blank"
    body = Problem(type=kind, title=_title(status), status=status, detail=detail, **more)
    return JSONResponse(body.model_dump(exclude_none=True), status, media_type="application/problem+json")


def _title(status: int) -> str:
    return "Checksum Mismatch" if status == CHECKSUM_MISMATCH else HTTPStatus(status).phrase


_STATUSES: dict[type[VidprocError], int] = {
    UnknownJobError: 404,
    UnknownUploadError: 404,
    UnknownWorkerError: 404,
    NotYetError: 425,
    NotHereError: 404,
    ConflictError: 409,
    GoneError: 410,
    TooLargeError: 413,
    ChecksumError: CHECKSUM_MISMATCH,
    ClientError: 400,
    MediaError: 422,
    FilterError: 422,
    BusyError: 503,
    StalledError: 504,
    StorageError: 507,
}
"""The first that an error is one of."""


def status_of(error: VidprocError) -> int:
    """The HTTP status of an error of ours."""
    return next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), 500)


async def _of_ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, VidprocError)
    answer = problem(status_of(error), one_line(str(error)), error.code)
    if isinstance(error, NotYetError | BusyError):
        answer.headers["retry-after"] = "1"
    return answer


async def of_http(_: Request, error: Exception) -> Response:
    """Of what Starlette and FastAPI raise."""
    assert isinstance(error, HTTPException)
    said = error.detail if error.detail != _title(error.status_code) else _WHAT_TO_DO.get(error.status_code, "")
    answer = problem(error.status_code, said)
    answer.headers.update(error.headers or {})
    return answer


async def _of_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, bytes):  # its Content-Type is not one that FastAPI reads
        return await of_http(request, _not_taken(request))
    wrong = [{"where": "/".join(map(str, each["loc"])), "what": each["msg"]} for each in error.errors()]
    return problem(422, "; ".join(f"{each['where']}: {each['what']}" for each in wrong)[:1000], errors=wrong[:50])


def _not_taken(request: Request) -> HTTPException:
    described = getattr(request.scope.get("route"), "openapi_extra", None) or {}
    taken = ["application/json", *described.get("requestBody", {}).get("content", ())]
    return HTTPException(415, f"Content-Type: {' or '.join(taken)} is wanted", {"Accept": ", ".join(taken)})


async def _of_nobody(_: Request, __: Exception) -> Response:
    """Who asked has left in mid-body: nobody reads this, and it is no fault of ours."""
    return Response(status_code=400)


async def _of_bug(request: Request, error: Exception) -> Response:
    error.add_note(f"while {request.method} {request.url.path} was answered")  # the server logs it
    return problem(500, "a bug in vidproc; see the coordinator's log", "bug")


_EXPECTED = {VidprocError: _of_ours, HTTPException: of_http, RequestValidationError: _of_request}


async def answer(request: Request, error: Exception) -> Response | None:
    """To an error that is expected; None for a bug."""
    said = next((said for kind, said in _EXPECTED.items() if isinstance(error, kind)), None)
    return await said(request, error) if said else None


def install(app: FastAPI) -> None:
    """Have the app answer so."""
    for kind, said in {**_EXPECTED, ClientDisconnect: _of_nobody, Exception: _of_bug}.items():
        app.add_exception_handler(kind, said)
