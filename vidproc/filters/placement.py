"""Where something is laid on a picture, in words."""

from __future__ import annotations

PLACES = {
    "top-left": (0.0, 0.0),
    "top": (0.5, 0.0),
    "top-right": (1.0, 0.0),
    "left": (0.0, 0.5),
    "center": (0.5, 0.5),
    "right": (1.0, 0.5),
    "bottom-left": (0.0, 1.0),
    "bottom": (0.5, 1.0),
    "bottom-right": (1.0, 1.0),
}
"""How much of the room that is left lies to the left of it, and above."""


def corner(position: str, outer: tuple[int, int], inner: tuple[int, int], margin: float) -> tuple[int, int]:
    """(x, y) of the top left of something of `inner` (width, height) in a picture of `outer`, this far from the edges.

    What nearly fills the picture has a smaller margin, so that what fills it lies on it exactly; what is larger hangs
    over.
    """
    x, y = (
        _along(share, whole - part, margin) for share, whole, part in zip(PLACES[position], outer, inner, strict=True)
    )
    return x, y


def _along(share: float, room: int, margin: float) -> int:
    kept = max(0.0, min(margin, room / 2))
    return round(kept + share * (room - 2 * kept))
