"""The films that jobs have made, to keep or to play: whole or in parts."""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from vidproc.coordinator.view import Result, View
from vidproc.errors import GoneError, VidprocError
from vidproc.storage.reading import read_range
from vidproc.web.etags import has_it
from vidproc.web.problems import problem
from vidproc.web.ranges import UnsatisfiableError, asked_ranges, content_range, framed

_BLOCK = 256 * 1024
_MEDIA_TYPES = {"mp4": "video/mp4", "mov": "video/quicktime", "mkv": "video/x-matroska", "webm": "video/webm"}

_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {"description": "The film", "content": {"video/*": {"schema": {"type": "string", "format": "binary"}}}},
    206: {"description": "The parts of it that were asked for"},
    304: {"description": "It is the one that you have"},
}


def router(view: View) -> APIRouter:
    made = APIRouter(prefix="/jobs", tags=["jobs"])

    @made.head("/{job_id}/result", include_in_schema=False)
    @made.get("/{job_id}/result", summary="The film", response_class=Response, responses=_ANSWERS)
    async def result(
        job_id: str,
        request: Request,
        inline: bool = False,
        wanted: Annotated[str, Header(alias="Range")] = "",
        if_range: Annotated[str, Header(alias="If-Range")] = "",
        if_none_match: Annotated[str, Header(alias="If-None-Match")] = "",
    ) -> Response:
        found = await view.result(job_id)
        tag = f'"{found.sha256}"'
        headers = _headers(found, tag, inline)
        if has_it(if_none_match, tag):
            return Response(status_code=304, headers=headers)
        if if_range and if_range.strip() != tag:
            wanted = ""
        try:
            parts = asked_ranges(wanted, found.size) if wanted else []
        except UnsatisfiableError:
            answer = problem(416, f"the film has {found.size} bytes")
            answer.headers["Content-Range"] = f"bytes */{found.size}"
            return answer
        return _film(view, found, parts, headers, request.method == "HEAD", whole=not inline)

    return made


def _film(
    view: View, found: Result, parts: Sequence[range], headers: dict[str, str], head: bool, whole: bool
) -> Response:
    media_type = _MEDIA_TYPES.get(found.container, "application/octet-stream")
    body: list[bytes | range] = [*(parts or [range(found.size)])]
    status = 206 if parts else 200
    if len(parts) == 1:
        headers["Content-Range"] = content_range(parts[0], found.size)
    elif parts:
        body, media_type = framed(parts, found.size, media_type)
    headers |= {"Content-Length": str(sum(map(len, body))), "Content-Type": media_type}
    if head:
        return Response(status_code=status, headers=headers)
    return _Reading(view, found, body, status, headers, fetches=whole and not parts)


class _Reading(StreamingResponse):
    """Reads as fast as the other side does. The file is open from the beginning, and not removed meanwhile. `fetches`:
    who has read to the end has the film."""

    def __init__(
        self, view: View, found: Result, body: Sequence[bytes | range], status: int, headers: dict[str, str],
        fetches: bool,
    ) -> None:  # fmt: skip
        self._view, self._found, self._body, self._fetches = view, found, body, fetches
        try:
            self._file = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise GoneError(f"the result of job {found.job_id} is no longer here; run it again") from None
        super().__init__(self._read(), status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, self._file)
            stack.enter_context(self._view.fetching(self._found.job_id))
            await super().__call__(scope, receive, send)

    async def _read(self) -> AsyncIterator[bytes | memoryview]:
        for each in self._body:
            if isinstance(each, bytes):
                yield each
                continue
            for at in range(each.start, each.stop, _BLOCK):
                yield await read_range(self._file, range(at, min(at + _BLOCK, each.stop)))
        if self._fetches:
            with contextlib.suppress(VidprocError):  # it was removed, or that cannot be written down
                await self._view.fetched(self._found.job_id)


def _headers(found: Result, tag: str, inline: bool) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(found.sha256)).decode()
    return {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": _disposition("inline" if inline else "attachment", _file_name(found)),
        "Repr-Digest": f"sha-256=:{digest}:",
    }


def _file_name(found: Result) -> str:
    """What the film's name suggests, without what it could do to a path or a terminal."""
    last = re.split(r"[/\\]", found.name)[-1]
    stem = re.sub(r'[\x00-\x1f\x7f-\x9f"*:<>?|]', "_", last.rpartition(".")[0] or last).strip(". ")
    return f"{stem or found.job_id}.{found.container}"


def _disposition(kind: str, name: str) -> str:
    """RFC 6266: what any client understands, and what is right."""
    plain = re.sub(r"[^\x20-\x7e]|[%\\]", "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
