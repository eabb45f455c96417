"""How a decoded frame is made of fields. PyAV shows no more than whether it is, but FFmpeg's filters know the rest."""

from __future__ import annotations

from fractions import Fraction

import av

TELLING = frozenset(
    {"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vc1", "wmv3", "prores", "dvvideo", "ffv1", "dnxhd"}
)
"""Decoders that say of each frame whether it is made of fields. Of others' frames their container's word holds."""

SAID = {"progressive": "progressive", "tt": "top field first", "bb": "bottom field first"}


class FieldOrders:
    """Tells frames of one stream: "progressive", "tt" (the top field is shown first) or "bb"."""

    def __init__(self, codec: str, from_container: str) -> None:
        self._presumed = "progressive" if codec in TELLING else from_container
        self._graph: av.filter.Graph | None = None

    def of(self, frame: av.VideoFrame) -> str:
        if not frame.interlaced_frame:
            return self._presumed
        self._graph = self._graph or _top_field_first_alone(frame)
        self._graph.push(frame)
        try:
            self._graph.pull()
        except av.BlockingIOError:
            return "bb"
        return "tt"


def _top_field_first_alone(frame: av.VideoFrame) -> av.filter.Graph:
    """Lets only such frames pass."""
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1))
    select = graph.add("select", "eq(interlace_type\\,TOPFIRST)")
    graph.link_nodes(source, select, graph.add("buffersink")).configure()
    return graph
