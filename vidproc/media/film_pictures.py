"""Decoded frames as the pictures that filters see."""

from __future__ import annotations

import av

from vidproc.filters.contract import Picture
from vidproc.filters.fields import ordered
from vidproc.media.convert import Converter
from vidproc.media.field_order import FieldOrders
from vidproc.model import StreamFormat


class FilmPictures:
    """Of one stretch of a film in one format. `width` and `height` are the size that the film begins with."""

    def __init__(self, stream: StreamFormat, converter: Converter, width: int, height: int) -> None:
        self._converter = converter
        self._size = width, height
        self._fields = FieldOrders(stream.codec, stream.field_order)

    def of(self, frame: av.VideoFrame) -> Picture:
        """In its working format, of the film's size, with the order of its fields."""
        picture = ordered(self._converter.picture(frame), self._fields.of(frame))
        return self._converter.resize(picture, *self._size)
