"""When each frame of the film is shown, by rank, in ticks of the source's time base."""

from __future__ import annotations

from array import array
from fractions import Fraction

from vidproc.media.arrivals import Arrival

_UNKNOWN = -(1 << 63)


class Timeline:
    """Collects times as ranks become known, in any order. Call `complete` once, when all are."""

    def __init__(self) -> None:
        self.times = array("q")
        self.durations = array("q")
        self._decode_times = array("q")
        self._gaps = False

    def __len__(self) -> int:
        return len(self.times)

    def note(self, rank: int, time: int | None, arrival: Arrival) -> None:
        """The frame `rank` is shown at `time`, and this is its packet."""
        while len(self.times) <= rank:
            self.times.append(_UNKNOWN)
            self.durations.append(0)
        self._gaps = self._gaps or time is None
        self.times[rank] = _UNKNOWN if time is None else time
        self.durations[rank] = arrival.duration
        if arrival.dts is not None:
            self._decode_times.append(arrival.dts)

    def complete(self, frame_ticks: Fraction) -> None:
        """Give a time to the frames that have none: the n-th frame shown gets the n-th decode time, since a container
        without presentation times spaces those like frames; failing that, frames follow at a constant rate."""
        if not self._gaps:
            return
        known = self._decode_times if len(self._decode_times) == len(self.times) else None
        for rank, time in enumerate(self.times):
            if time != _UNKNOWN:
                continue
            self.times[rank] = known[rank] if known else self._following(rank, frame_ticks)

    def _following(self, rank: int, frame_ticks: Fraction) -> int:
        return self.times[rank - 1] + max(1, round(frame_ticks)) if rank else 0
