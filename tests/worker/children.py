"""Children that are no slots."""

from __future__ import annotations

from vidproc.processes.channel import Channel
from vidproc.processes.gauge import Gauge


def nonsense(channel: Channel, gauge: Gauge) -> None:
    """Says that it is ready, and then nothing of sense."""
    channel.send({"ready": {}})
    for _ in channel:
        channel.send({"colourless": "green ideas"})
