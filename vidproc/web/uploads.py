"""Films that are sent in as many requests as it takes: tus 1.0 (https://tus.io/protocols/resumable-upload) with
creation, creation-with-upload, checksum, expiration and termination."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from email.utils import formatdate
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from vidproc.coordinator.uploads import Check
from vidproc.coordinator.view import View
from vidproc.errors import ClientError
from vidproc.storage.incoming import Incoming
from vidproc.web import problems
from vidproc.web.bodies import streamed

_VERSION = "1.0.0"
_ALGORITHMS = ("sha1", "sha256")
_BYTES = "application/offset+octet-stream"
_LARGEST = 2**53
_LONGEST_NAME = 255

_Length = Annotated[int, Header(alias="Upload-Length", ge=1, le=_LARGEST, description="bytes of the film")]
_Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, le=_LARGEST, description="where these bytes go")]
_Metadata = Annotated[str, Header(alias="Upload-Metadata", description="filename and the name in base64")]
_Checksum = Annotated[str, Header(alias="Upload-Checksum", description="sha1 or sha256, a space, and base64")]
_ContentType = Annotated[str, Header(alias="Content-Type", include_in_schema=False)]


class UploadFacts(BaseModel):
    """An upload. `offset` bytes of it are here, on disk. Times are seconds since 1970."""

    id: str
    name: str
    size: int
    offset: int
    sha256: str | None = Field(description="None until it is whole")
    expires_at: float = Field(description="when it is forgotten if nothing more comes, and no job has it")


def router(view: View, largest: int) -> APIRouter:
    """`largest`: bytes of a film, 0 for any number."""
    made = APIRouter(prefix="/uploads", tags=["uploads"], route_class=_SaysVersion)
    uploads = view.uploads

    @made.options("", status_code=204, summary="What of tus is spoken here")
    @made.options("/{upload_id}", status_code=204, include_in_schema=False)
    async def tell() -> Response:
        extensions = "creation,creation-with-upload,checksum,expiration,termination"
        said = {"Tus-Version": _VERSION, "Tus-Extension": extensions, "Tus-Checksum-Algorithm": ",".join(_ALGORITHMS)}
        return _answer(204, None, said | ({"Tus-Max-Size": str(largest)} if largest else {}))

    @made.post("", status_code=201, summary="Begin an upload", dependencies=[Depends(_speaks_tus)])
    async def begin(
        request: Request, length: _Length, metadata: _Metadata = "", kind: _ContentType = "", checksum: _Checksum = ""
    ) -> Response:
        check = _check(checksum)
        begun = await uploads.create(_name(metadata), length)
        if kind == _BYTES:
            begun = await uploads.receive(begun.id, 0, streamed(request), check)
        return _answer(201, begun, {"Location": f"{request.url.path.rstrip('/')}/{begun.id}"})

    @made.head("/{upload_id}", summary="Where to go on", dependencies=[Depends(_speaks_tus)])
    async def look(upload_id: str) -> Response:
        known = await uploads.take_over(upload_id)
        name = base64.b64encode(known.name.encode()).decode()
        said = {"Upload-Length": str(known.size), "Cache-Control": "no-store"}
        return _answer(200, known, said | ({"Upload-Metadata": f"filename {name}"} if name else {}))

    @made.patch("/{upload_id}", status_code=204, summary="More of it", dependencies=[Depends(_speaks_tus)])
    async def go_on(
        upload_id: str, request: Request, offset: _Offset, kind: _ContentType = "", checksum: _Checksum = ""
    ) -> Response:
        if kind != _BYTES:
            raise HTTPException(415, f"the bytes of an upload are {_BYTES}", {"Accept-Patch": _BYTES})
        return _answer(204, await uploads.receive(upload_id, offset, streamed(request), _check(checksum)))

    @made.delete("/{upload_id}", status_code=204, summary="Forget it", dependencies=[Depends(_speaks_tus)])
    async def forget(upload_id: str) -> Response:
        await uploads.remove(upload_id)
        return _answer(204)

    @made.get("/{upload_id}", summary="An upload as JSON")
    async def show(upload_id: str) -> UploadFacts:
        it = uploads.find(upload_id)
        facts = UploadFacts.model_validate(it, from_attributes=True)
        return facts.model_copy(update={"sha256": it.sha256 or None})

    return made


class _SaysVersion(APIRoute):
    """Errors say which version of tus is spoken, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_saying(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:
                answer = await problems.answer(request, error)
                if answer is None:
                    raise
                answer.headers["Tus-Resumable"] = _VERSION
                return answer

        return handle_saying


def _speaks_tus(version: Annotated[str, Header(alias="Tus-Resumable")] = "") -> None:
    if version != _VERSION:
        raise HTTPException(412, f"Tus-Resumable: {_VERSION} is wanted", {"Tus-Version": _VERSION})


def _answer(status: int, known: Incoming | None = None, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    answer = Response(status_code=status, headers={"Tus-Resumable": _VERSION, **headers})
    if known is not None:
        answer.headers["Upload-Offset"] = str(known.offset)
        answer.headers["Upload-Expires"] = formatdate(known.expires_at, usegmt=True)
    return answer


def _name(metadata: str) -> str:
    """The film's, from pairs of a key and a value in base64, which is data and nothing else."""
    pairs = dict(pair.strip().partition(" ")[::2] for pair in metadata.split(","))
    found = _decoded(pairs.get("filename") or pairs.get("name") or "", "Upload-Metadata").decode(errors="replace")
    return found[:_LONGEST_NAME]


def _check(checksum: str) -> tuple[Check, bytes] | None:
    if not checksum:
        return None
    algorithm, _, digest = checksum.partition(" ")
    if algorithm not in _ALGORITHMS:
        raise ClientError(f"checksums are by {' or '.join(_ALGORITHMS)}, not {algorithm[:64]!r}")
    return hashlib.new(algorithm), _decoded(digest, "Upload-Checksum")


def _decoded(value: str, header: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise ClientError(f"{header}: {value[:64]!r} is no base64") from None
