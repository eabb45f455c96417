"""The encoder's own frames as pictures to draw on, so that a filter's result need not be copied."""

from __future__ import annotations

import av

from vidproc.filters.contract import Picture
from vidproc.media.encode import ChunkEncoder
from vidproc.media.pictures import FramePicture, from_picture, to_picture


class Canvas:
    """Call it for a picture of this size to draw on; `frame_of` finds the frame that a picture was drawn on."""

    def __init__(self, encoder: ChunkEncoder, width: int, height: int) -> None:
        self._encoder = encoder
        self._size = (width, height)
        self._lent: FramePicture | None = None

    def __call__(self) -> Picture:
        if self._lent is None:  # else the last one was not used, and may be lent again
            self._lent = to_picture(self._encoder.new_frame(), True, *self._size)
        return self._lent

    def frame_of(self, picture: Picture) -> av.VideoFrame:
        """The frame to encode for a picture; one that was drawn elsewhere is copied."""
        canvas, self._lent = self._lent, None
        frame = canvas.frame if canvas is not None else self._encoder.new_frame()
        return from_picture(picture, frame)
