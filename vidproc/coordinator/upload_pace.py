"""How fast a client sends what the coordinator waits for.

Time is counted in looks, one after the other, and not by the clock: a coordinator that was stopped, or busy, for a
while has seen nothing meanwhile, which is no client's fault.
"""

from __future__ import annotations

LOOK_EVERY_S = 1.0
LOOKS = 30
"""So many looks make the window in which too little must have come."""


class UploadPace:
    """`look` each `LOOK_EVERY_S`. `least` is in bytes a second, 0 for none."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._began = 0
        self._looks = 0

    def look(self, waiting: bool, received: int) -> bool:
        """Whether it was too slow, given all bytes that it has sent by now. `waiting`: some of an upload are missing;
        where none are, counting begins anew."""
        self._looks += 1
        if waiting and self._looks < LOOKS:
            return False
        came, self._began, self._looks = received - self._began, received, 0
        return waiting and came < self._least * LOOKS * LOOK_EVERY_S
