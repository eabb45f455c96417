"""What of a film's shape is refused, before it costs anything.

A header is cheap to write: a few bytes ask for ten thousand streams, frames of a gigabyte, or a gap of ten years that
silence would have to fill.
"""

from __future__ import annotations

from fractions import Fraction

from msgspec import Struct

from vidproc.errors import MediaError, way_out


class SourceLimits(Struct, frozen=True):
    """0 is no limit. `streams` of any kind, `seconds` of the film, bytes of one `packet` of its picture. `probe_cpu_s`:
    processor time until its first frame is decoded; some containers can be made such that opening them takes hours."""

    streams: int = 0
    seconds: float = 0.0
    packet: int = 0
    probe_cpu_s: float = 0.0

    def check_streams(self, count: int) -> None:
        """Raises `MediaError`, as the others do."""
        if self.streams and count > self.streams:
            raise _too(f"{count} streams in it", f"{self.streams}", "max_streams")

    def check_seconds(self, seconds: float | Fraction) -> None:
        if self.seconds and seconds > self.seconds:
            raise _too(f"the film lasts {_shown(seconds)} s", f"{_shown(self.seconds)} s", "max_duration")

    def check_packet(self, size: int) -> None:
        if self.packet and size > self.packet:
            raise _too(f"a packet of {size} bytes", f"{self.packet}", "max_packet")


NO_LIMITS = SourceLimits()


def _shown(seconds: float | Fraction) -> str:
    return f"{float(seconds):.2f}".rstrip("0").rstrip(".")


def _too(what: str, most: str, setting: str) -> MediaError:
    return MediaError(f"{what}; this coordinator takes up to {most}; {way_out(setting)}")
