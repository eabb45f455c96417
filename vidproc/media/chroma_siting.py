"""Where a stream's chroma samples lie. PyAV does not show it, but FFmpeg's Matroska muxer writes it into a header."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from types import MappingProxyType

import av
from av.video.stream import VideoStream

_ELEMENTS = re.compile(rb"\x55\xb7\x81(.)\x55\xb8\x81(.)", re.DOTALL)
"""ChromaSitingHorz and ChromaSitingVert (RFC 9559, 5.1.4.1.28.22): 1 is at the edge, 2 halfway."""

_UNUSUAL: Mapping[tuple[bytes, bytes], str] = MappingProxyType(
    {(b"\x02", b"\x02"): "center", (b"\x01", b"\x01"): "topleft", (b"\x02", b"\x01"): "top"}
)


def siting(stream: VideoStream) -> str:
    """FFmpeg's name, or nothing where it is not said, or is what everyone presumes: left.

    Matroska has no word for the lowest rows; nor has any film that was seen.
    """
    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska", container_options={"allow_raw_vfw": "1"}) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return ""
    found = _ELEMENTS.search(header.getvalue())
    return _UNUSUAL.get((found[1], found[2]), "") if found else ""
