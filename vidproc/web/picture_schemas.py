"""The shapes of what is said of films and pictures as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

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
    streams: list[Stream]
    landmarks: list[int] = Field(description="frames from all over the film that are shown at once")
    losses: list[str] = Field(description="what of it can't be read or kept, in sentences")


class FilterChoice(BaseModel):
    """A filter of a chain, by name. What it takes: `/filters`."""

    name: str = Field(max_length=100)
    params: dict[str, bool | int | float | str] = {}


class PreviewRequest(BaseModel):
    """A frame of a film that is held: as it is, or as these filters would make it in a job of that output."""

    source: str = Field(description="the film's SHA-256", max_length=200)
    frame: int = Field(0, ge=0, le=HIGHEST)
    filters: list[FilterChoice] = Field([], max_length=64)
    side: Literal["source", "result"] = "result"
    width: int = Field(960, ge=16, le=WIDEST, description="pixels at most")
    container: str = Field("mp4", max_length=20)
    codec: str = Field("", max_length=20, description="empty: the coordinator's choice")
    pix_fmt: str = Field("", max_length=20)
