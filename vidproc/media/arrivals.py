"""Packets of the main video as the demuxer gives them, each looked at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.packet import PktSideDataT
from av.stream import Discard
from av.video.stream import VideoStream

from vidproc.media.container import demuxed, last_words
from vidproc.media.index import REORDER_LIMIT
from vidproc.media.records import NO_DTS, PacketFlag, PacketRecord
from vidproc.media.seek_points import Look, inspector, is_known
from vidproc.model import StreamFormat

_FOR_DECODERS: tuple[PktSideDataT, ...] = ("palette", "new_extradata", "param_change")
"""Side data without which some packets don't decode; other kinds describe the film and stay in the source."""

_UNTIMED = frozenset({"avi"})
"""Containers that store no presentation times; what FFmpeg makes up for H.264 and HEVC in them is no order."""


_INDEXED = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
"""Containers that say where keyframes are. In others FFmpeg looks for times among packets, and may land anywhere."""

_RUN_UP = 1
"""Seconds before a time at which a keyframe is looked for, at least: some containers find it by its decode time."""


class Unskippable(Exception):
    """The container leads to no place from which the frames of a time, and none that were read before, can be had."""


@dataclass(slots=True, eq=False)
class Arrival:
    """A packet and what its bytes told. `extradata` is new codec configuration that comes with it, if any."""

    packet: av.Packet[VideoStream]
    data: bytes
    pts: int | None
    dts: int | None
    duration: int
    flags: int
    look: Look
    side_data: tuple[tuple[str, bytes], ...] = ()
    extradata: bytes | None = None

    def record(self, rank: int) -> PacketRecord:
        dts = NO_DTS if self.dts is None else self.dts
        return PacketRecord(rank, dts, self.duration, self.flags, self.data, self.side_data)

    @property
    def discarded(self) -> bool:
        return bool(self.flags & PacketFlag.DISCARD)


class ArrivingPackets:
    """Reads the main video's packets. `distrust` says why they can't be taken for one frame each, if that is known
    from the start. `error` is why reading stopped early, `count` how many packets were read, `corrupt` how many of them
    the demuxer marked."""

    def __init__(self, source: InputContainer, video: VideoStream, stream: StreamFormat) -> None:
        self._source = source
        self._video = video
        self._codec = video.codec_context.codec.canonical_name
        self._extradata = stream.extradata
        self._rate = stream.frame_rate
        self._inspector = inspector(self._codec, stream.extradata)
        self._latest = -1 << 62
        self._target: int | None = None
        self.error = ""
        self.corrupt = self.count = 0
        self.distrust = self._distrust(source.format.name)

    def _distrust(self, container: str) -> str:
        if not is_known(self._codec):
            return f"{self._codec} packets may hold any number of frames"
        if container in _UNTIMED and self._codec in ("h264", "hevc"):
            return f"{container} has no times for {self._codec}"
        return ""

    def __iter__(self) -> Iterator[Arrival]:
        for stream in self._source.streams:
            if stream is not self._video:
                stream.discard = Discard.all
        try:
            for packet in demuxed(self._source, self._video):
                if packet.size:
                    arrival = self._arrival(packet)
                    self._note(arrival)
                    yield arrival
        except av.FFmpegError as error:
            self.error = last_words(error)

    def skip_to(self, time: int) -> None:
        """Leave out what is not needed for the frames from a time on, in the stream's ticks. Reading on then raises
        `Unskippable` where the container was wrong."""
        run_up = max(Fraction(_RUN_UP), REORDER_LIMIT / self._rate)
        early = time - math.ceil(run_up / (self._video.time_base or Fraction(1, av.time_base)))
        if self._source.format.name in _INDEXED and early > self._latest:
            self._source.seek(early, stream=self._video)
            self._target = time

    def _note(self, arrival: Arrival) -> None:
        pts = self._latest if arrival.pts is None else arrival.pts
        if self._target is not None and not (arrival.look.seek and self._latest < pts <= self._target):
            raise Unskippable
        self._target, self._latest = None, max(self._latest, pts)
        self.count += 1

    def _arrival(self, packet: av.Packet[VideoStream]) -> Arrival:
        data, key = bytes(packet), packet.is_keyframe
        side = tuple((s.data_type, bytes(s)) for s in packet.iter_sidedata() if s.data_type in _FOR_DECODERS)
        extradata = self._new_extradata(side) if side else None
        look = self._look(data, key)
        flags = PacketFlag.KEY * key | PacketFlag.SEEK * look.seek | PacketFlag.DISCARD * packet.is_discard
        if packet.is_corrupt:
            self.corrupt += 1
            flags |= PacketFlag.CORRUPT
        return Arrival(packet, data, packet.pts, packet.dts, packet.duration or 0, flags, look, side, extradata)

    def _look(self, data: bytes, key: bool) -> Look:
        try:
            return self._inspector.look(data, key)
        except IndexError:
            return Look(False)  # a damaged header: the decoder will say so

    def _new_extradata(self, side: tuple[tuple[str, bytes], ...]) -> bytes | None:
        found = dict(side).get("new_extradata")
        if found is None or found == self._extradata:
            return None
        self._extradata = found
        self._inspector = inspector(self._codec, found)
        return found
