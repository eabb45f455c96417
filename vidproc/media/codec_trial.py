"""Whether FFmpeg can do a codec on this machine: a few frames are encoded and decoded again.

As a program it says so of each codec that it is given, in a line of JSON each: an encoder that was built for another
processor ends the process that calls it, and whoever has started that one learns which it was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import cast

import av
import numpy as np
from numpy.typing import NDArray

from vidproc.errors import MediaError
from vidproc.media import ffmpeg
from vidproc.media.decoders import open_decoder
from vidproc.media.encode import open_encoder, plane_views
from vidproc.media.output_codecs import CODECS
from vidproc.model import EncoderSpec, StreamFormat

READ_ALONE: Mapping[str, tuple[str, str]] = {
    "vp8": ("libvpx", "yuv420p"),
    "mpeg2video": ("mpeg2video", "yuv420p"),
    "mpeg4": ("mpeg4", "yuv420p"),
    "prores": ("prores_ks", "yuv422p10le"),
}
"""Codecs of sources that no result has, with an encoder for the trial and what that takes."""

TRIALS = (*CODECS, *READ_ALONE)

_DECODERS = {"av1": "libdav1d"}
"""Where FFmpeg's first choice for a codec has another name: its own `av1` needs a graphics card."""

_SIDE = 64
_FRAMES = 3
_FARTHEST = 8.0
"""Grades of 256 that luma may lie off in the mean: far more than the codecs lose of a soft slope."""


def try_out(name: str) -> None:
    """Raises `MediaError`, or what FFmpeg raises, when frames of the codec can't be made or don't come back."""
    encoder = _encoder(name)
    codec, pix_fmt = encoder.codec.canonical_name, encoder.pix_fmt or ""
    packets = [packet for frame in [*_frames(pix_fmt), None] for packet in encoder.encode(frame)]
    decoder = open_decoder(StreamFormat(_DECODERS.get(codec, codec), encoder.extradata or b"", _SIDE, _SIDE, pix_fmt))
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    if len(frames) != _FRAMES:
        raise MediaError(f"of {_FRAMES} frames {len(frames)} came back")
    for number, frame in enumerate(frames):
        if np.abs(_luma(frame) - _slope(number)).mean() > _FARTHEST:
            raise MediaError(f"frame {number} came back as another picture")


def _encoder(name: str) -> av.VideoCodecContext:
    if name in CODECS:
        row = CODECS[name]
        crf = row.quality.default if row.quality else 0
        return open_encoder(EncoderSpec(name, _SIDE, _SIDE, row.pix_fmts[0], crf))
    encoder, pix_fmt = READ_ALONE[name]
    context = cast(av.VideoCodecContext, av.CodecContext.create(encoder, "w"))
    context.width, context.height, context.pix_fmt = _SIDE, _SIDE, pix_fmt
    context.framerate, context.time_base, context.bit_rate = Fraction(25), Fraction(1, 25), 2_000_000
    context.open()
    return context


def _slope(number: int) -> NDArray[np.float64]:
    """A picture's luma, of 256 grades: each frame's is brighter than the one before."""
    return 60 + np.arange(_SIDE)[None, :] + 10.0 * number + np.zeros((_SIDE, 1))


def _frames(pix_fmt: str) -> Iterator[av.VideoFrame]:
    for number in range(_FRAMES):
        frame = av.VideoFrame(_SIDE, _SIDE, pix_fmt)
        luma, *chroma = plane_views(frame, _SIDE, _SIDE)
        luma[:] = _slope(number) * _grade(frame)
        for plane in chroma:
            plane[:] = 128 * _grade(frame)
        frame.pts = number
        yield frame


def _luma(frame: av.VideoFrame) -> NDArray[np.float64]:
    return np.asarray(plane_views(frame, _SIDE, _SIDE)[0] / _grade(frame))


def _grade(frame: av.VideoFrame) -> int:
    return 1 << (frame.format.components[0].bits - 8)


def main() -> None:
    ffmpeg.silence()
    for name in sys.argv[1:]:
        try:
            try_out(name)
            error = ""
        except Exception as raised:
            error = str(raised) or type(raised).__name__
        print(json.dumps({"codec": name, "error": error}), flush=True)


if __name__ == "__main__":
    main()
