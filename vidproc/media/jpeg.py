"""A picture as a JPEG, for people to look at."""

from __future__ import annotations

import cv2

from vidproc.filters.contract import Picture
from vidproc.media.convert import Converter

_QUALITY = 90
"""Of 100: what a filter does to fine detail is still to be seen."""


def jpeg(picture: Picture, converter: Converter, width: int) -> bytes:
    """At most `width` wide. The converter knows how the picture's numbers become light."""
    bgr = converter.convert(picture, "bgr24").array
    high, wide = bgr.shape[:2]
    if wide > width:
        bgr = cv2.resize(bgr, (width, max(1, round(high * width / wide))), interpolation=cv2.INTER_AREA)
    _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return coded.tobytes()
