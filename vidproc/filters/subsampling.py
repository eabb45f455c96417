"""From pixels to the samples of a plane that has fewer of them."""

from __future__ import annotations

import cv2

from vidproc.filters.contract import Array


def averaged(pixels: Array, step: tuple[int, int], border: int = cv2.BORDER_REPLICATE) -> Array:
    """Height x width (x channels), at the size of a plane with one sample in `step` (across, down) pixels.

    Each sample is the mean of the pixels that it covers. Where a column or row lacks at the end, the last one counts
    double, or `border` says otherwise.
    """
    across, down = step
    if across == down == 1:
        return pixels
    height, width = -(-pixels.shape[0] // down), -(-pixels.shape[1] // across)
    below, right = height * down - pixels.shape[0], width * across - pixels.shape[1]
    if right or below:
        pixels = cv2.copyMakeBorder(pixels, 0, below, 0, right, border)
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
