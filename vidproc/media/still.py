"""One frame of a film as a picture."""

from __future__ import annotations

import os

from vidproc.errors import MediaError
from vidproc.filters.contract import Array
from vidproc.media.container import open_source
from vidproc.media.convert import Converter
from vidproc.media.probe import describe, main_video


def still(path: str | os.PathLike[str], number: int) -> Array:
    """The frame of this number, counted from 0 in the order that they are shown, as BGR uint8 of height x width x 3.

    Decodes all frames before it. Raises `MediaError` if there is no such frame.
    """
    with open_source(path) as source:
        video = main_video(source)
        for at, frame in enumerate(source.decode(video)):
            if at == number:
                stream = describe(source, frame).stream
                converter = Converter(stream.colour, stream.width, stream.height)
                return converter.convert(converter.picture(frame), "bgr24").array
    raise MediaError(f"{os.fspath(path)} has no frame {number}")
