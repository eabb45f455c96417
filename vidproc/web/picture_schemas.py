"""The shapes of what is said of films and pictures as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vidproc.model import JobSpec
from vidproc.web.job_request import FilterRequest

WIDEST = 4096
"""Pixels of a picture that is shown. A film may be wider."""

HIGHEST = 2**53
"""Numbers of frames that JavaScript can tell apart."""


class Stream(BaseModel):
    """One of a film. `codec` is empty where FFmpeg knows none."""

    type: str
    codec: str


class FilmFacts(BaseModel):
    """What a film is."""

    source: str
    size: int = Field(description="bytes")
    container: str
    codec: str
    width: int
    height: int
    pix_fmt: str
    shown_width: int = Field(description="upright, with square pixels, as players show it")
    shown_height: int
    field_order: str = Field(description="progressive, or the field that is shown first: tt or bb")
    frames: int = Field(description="as they are numbered, from 0")
    fps: float
    duration_s: float
    last_s: float = Field(description="where its last frame lies, in the seconds that `start` and `duration` go by")
    streams: list[Stream]
    landmarks: list[int] = Field(description="frames from all over the film that are shown at once")
    losses: list[str] = Field(description="what of it can't be read or kept, in sentences")


class PreviewRequest(BaseModel):
    """A frame of a film that is held: as it is, or as these filters would make it in a job of that output."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    source: str = Field(description="the film: the id of an upload that is whole, or a SHA-256")
    frame: int = Field(0, ge=0, le=HIGHEST)
    filters: list[FilterRequest] = []
    side: Literal["source", "result"] = "result"
    width: int = Field(960, ge=16, le=WIDEST, description="pixels at most")
    container: str = "mp4"
    codec: str = Field("", description="empty: one that loses nothing")
    pix_fmt: str = ""

    def spec(self) -> JobSpec:
        """The job that it is a frame of, but for the files."""
        filters = tuple(each.spec() for each in self.filters)
        return JobSpec(filters, self.container, self.codec, pix_fmt=self.pix_fmt)
