"""Children that are no slots."""

from __future__ import annotations

import os

from vidproc.processes.channel import Channel
from vidproc.processes.gauge import Gauge


def nonsense(channel: Channel, gauge: Gauge) -> None:
    """Says that it is ready, and then nothing of sense."""
    channel.send({"ready": {}})
    for _ in channel:
        channel.send({"colourless": "green ideas"})


def stillborn(channel: Channel, gauge: Gauge) -> None:
    """Ends before it has said anything."""
    os._exit(5)
