"""A job as JSON asks for it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from vidproc.model import FilterSpec, JobSpec

JOB, FILM = "job", "film"
"""The parts of a form that asks for a job."""

_Number = Annotated[int, Field(ge=-(2**53), le=2**53)]


class FilterRequest(BaseModel):
    """One filter. `code` is the text of a custom one's file, `function` the name in it; workers run that only if they
    were started so. The parameter `file` is the SHA-256 or the upload of what a filter needs beside the film."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    params: dict[str, bool | _Number | float | str] = {}
    code: str = ""
    function: str = ""

    def spec(self) -> FilterSpec:
        """The same as the coordinator takes it, but for the file."""
        return FilterSpec(self.name, self.params, self.code, self.function)


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
        filters = tuple(each.spec() for each in self.filters)
        return JobSpec(filters=filters, **chosen)


class JobRequest(JobChoices):
    """A new job on a film that is here."""

    source: str = Field(description="the film: the id of an upload that is whole, or a SHA-256")


def form_schema() -> dict[str, Any]:
    """Of a form that asks for a job, in OpenAPI's words."""
    file = {"type": "string", "format": "binary"}
    job = {"type": "string", "contentMediaType": "application/json", "description": "as by JSON, without the source"}
    return {
        "type": "object",
        "properties": {JOB: job, FILM: file},
        "required": [JOB, FILM],
        "additionalProperties": file | {"description": "a file that a filter names"},
    }
