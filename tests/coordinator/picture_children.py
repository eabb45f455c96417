"""A picture process that does as a test tells it, by files beside the film."""

from __future__ import annotations

import os
import time
from pathlib import Path

from vidproc.coordinator.picture_orders import Facts, Shown, ToOpen
from vidproc.processes.channel import Channel
from vidproc.processes.gauge import Gauge
from vidproc.protocol.structure import from_plain, to_plain

FACTS = Facts(1, "mp4", "h264", 8, 6, "yuv420p", 8, 6, 100, 25.0, 4.0, 3.96, "progressive", (), (), ())


def obedient(channel: Channel, gauge: Gauge) -> None:
    """Writes down its number, then that of each frame it is asked for, which it shows when there is a file `open`.
    It dies over frame 13."""
    for header, _ in channel:
        if "open" in header:
            folder = Path(from_plain(ToOpen, header["open"]).film)
            _note(folder / "started", os.getpid())
            channel.send({"opened": to_plain(FACTS)})
        elif "show" in header:
            number = header["show"]["rank"]
            _note(folder / "asked", number)
            if number == 13:
                os._exit(1)
            while not (folder / "open").exists():
                time.sleep(0.002)
            channel.send({"shown": to_plain(Shown())}, b"frame %d" % number)


def _note(file: Path, number: int) -> None:
    with open(file, "a") as out:
        out.write(f"{number}\n")
