"""New jobs over HTTP: on a film that is here, or that comes along."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Response
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field

from vidproc.coordinator.view import View
from vidproc.errors import ClientError, TooLargeError
from vidproc.model import MOST_FILE_BYTES, FilterSpec, JobSpec
from vidproc.protocol.structure import to_plain
from vidproc.web.schemas import JobSummary

_FILE = "file"
"""The parameter of filters that names a file; a function of somebody's own may call a number so."""

_Number = Annotated[int, Field(ge=-(2**53), le=2**53)]


class FilterRequest(BaseModel):
    """One filter. `code` is the text of a custom one's file, `function` the name in it; workers run that only if they
    were started so. The parameter `file` is the SHA-256 or the upload of what a filter needs beside the film."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    params: dict[str, bool | _Number | float | str] = {}
    code: str = ""
    function: str = ""


class JobChoices(BaseModel):
    """What is to be done with a film. What is left open is the coordinator's choice, or that of the codec; see
    docs/options.md, whose names these are. Times are seconds of the film."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str = Field("", max_length=255, description="of the film, for people")
    filters: list[FilterRequest] = []
    container: str = "mp4"
    codec: str = ""
    crf: float | None = None
    encoder_preset: str = ""
    pix_fmt: str = ""
    audio: str = "copy"
    start: float | None = None
    duration: float | None = None
    on_error: str = "original"
    on_decode_error: str = "conceal"

    def spec(self) -> JobSpec:
        """The same as the coordinator takes it, but for the files."""
        chosen: dict[str, Any] = self.model_dump(exclude={"name", "source", "filters"})
        filters = tuple(FilterSpec(it.name, it.params, it.code, it.function) for it in self.filters)
        return JobSpec(filters=filters, **chosen)


class JobRequest(JobChoices):
    """A new job on a film that is here."""

    source: str = Field(description="the film: the id of an upload that is whole, or a SHA-256")


def router(view: View) -> APIRouter:
    made = APIRouter(prefix="/jobs", tags=["jobs"])

    @made.post("", status_code=201, summary="A new job")
    async def new_job(asked: JobRequest, response: Response) -> JobSummary:
        job = await _submit(view, asked, asked.source, {})
        response.headers["Location"] = f"/api/v1/jobs/{job.id}"
        return job

    return made


async def _submit(view: View, asked: JobChoices, source: str, parts: Mapping[str, str]) -> JobSummary:
    """`parts` are uploads by the names that filters may call them by."""
    film = await view.uploads.film(source)
    spec, files = await _with_files(view, asked.spec(), parts)
    await view.uploads.keep_source(film)
    job = await view.submit(spec, asked.name or film.name, film.size, film.sha256, files)
    view.uploads.release(source)
    return JobSummary(**to_plain(job))


async def _with_files(view: View, spec: JobSpec, parts: Mapping[str, str]) -> tuple[JobSpec, dict[str, bytes]]:
    """The job with the hashes of the files that its filters name, and the files."""
    files: dict[str, bytes] = {}
    filters = []
    for each in spec.filters:
        if _FILE in each.params and not each.code:
            named = str(each.params[_FILE])
            sha256, data = await _file(view, parts.get(named, named))
            files[sha256] = data
            each = replace(each, params={**each.params, _FILE: sha256})
        filters.append(each)
    return replace(spec, filters=tuple(filters), files={sha256: len(data) for sha256, data in files.items()}), files


async def _file(view: View, source: str) -> tuple[str, bytes]:
    found = await view.uploads.film(source)
    if found.size > MOST_FILE_BYTES:
        raise TooLargeError(f"{found.name} is larger than the {MOST_FILE_BYTES >> 20} MiB that a job can carry")
    try:
        return found.sha256, await asyncio.to_thread(found.path.read_bytes)
    except OSError as error:
        raise ClientError(f"{found.name} cannot be read: {error.strerror}") from None
