"""What a picture process is asked and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from vidproc.media.source_limits import NO_LIMITS, SourceLimits
from vidproc.model import JobSpec, StreamFormat

Side = Literal["source", "result"]

OPEN_CPU_S = 60.0
"""Seconds of processor time to read a film in, and of the coordinator's patience."""
SHOW_CPU_S = 15.0
"""The same for one picture."""


class ToOpen(Struct, frozen=True):
    """A film to read, and where its packets go. `start` and `duration` are a job's: frames are numbered as in it."""

    film: str
    packets: str
    start: float | None = None
    duration: float | None = None
    limits: SourceLimits = NO_LIMITS
    frame_pixels: int = 0


class Facts(Struct, frozen=True):
    """What a film is. `size` is in bytes, `fps` its mean rate or what its header says; `streams` are (type, codec),
    `losses` sentences about what of the film can't be read or kept. `landmarks` are frames from all over it which are
    shown at once; `shown_width` and `shown_height` its size upright, with square pixels. `last_s` is where its last
    frame lies, in the seconds that a job's `start` and `duration` go by."""

    size: int
    container: str
    codec: str
    width: int
    height: int
    pix_fmt: str
    shown_width: int
    shown_height: int
    frames: int
    fps: float
    duration_s: float
    last_s: float
    field_order: str
    streams: tuple[tuple[str, str], ...]
    losses: tuple[str, ...]
    landmarks: tuple[int, ...]


class ToShow(Struct, frozen=True):
    """A frame of the film that is open: as it is, or as the job would make it; at most `width` pixels wide. `files` are
    where those lie that the job's filters name, by SHA-256."""

    rank: int
    width: int
    job: JobSpec | None = None
    files: Mapping[str, str] = {}


class ToCut(Struct, frozen=True):
    """A frame out of the packet records [start, stop) (byte offsets) of a file; without `stop`, to its end. The matrix
    says how players turn it."""

    path: str
    start: int
    stop: int | None
    stream: StreamFormat
    rank: int
    width: int
    display_matrix: tuple[int, ...] = ()


class ToAnimate(Struct, frozen=True):
    """A GIF of these frames, so many a second: of the film that is open, or cut from others."""

    rate: int
    frames: tuple[ToShow, ...] = ()
    cuts: tuple[ToCut, ...] = ()


Order = ToShow | ToCut | ToAnimate
NAMES: Mapping[type[Order], str] = {ToShow: "show", ToCut: "cut", ToAnimate: "animate"}
"""What each is called on its way to the child."""


class Shown(Struct, frozen=True):
    """The picture is the payload. `approximate`: a filter remembers more of the film than was gone through for it."""

    approximate: bool = False


class Picture(Struct, frozen=True):
    """A JPEG or GIF, and what was said of it."""

    data: bytes
    approximate: bool = False
