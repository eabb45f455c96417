"""What looks into the files of a job. It runs in a child of the coordinator."""

from __future__ import annotations

import os

from vidproc.errors import BadParameterError, VidprocError
from vidproc.model import FilterSpec
from vidproc.pipelines.files import read
from vidproc.processes.channel import Channel
from vidproc.processes.failure import Telling
from vidproc.processes.gauge import Gauge
from vidproc.protocol.structure import from_plain

_TELLING = Telling(
    (MemoryError,),
    BadParameterError("a filter's file needs more memory than there is for it: take a smaller one"),
    bug=VidprocError,
    prefix="a bug in vidproc: ",
)


def serve(channel: Channel, gauge: Gauge) -> None:
    """Take files, and say whether the filters that come after them can read them."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where libraries say of damaged files what the answer says
    files: dict[str, bytes] = {}
    for header, payload in channel:
        if "file" in header:
            files[header["file"]] = payload
            continue
        try:
            read(tuple(from_plain(FilterSpec, spec) for spec in header["check"]), files)
        except Exception as error:
            channel.send({"failed": _TELLING.of(error)})
        else:
            channel.send({"good": {}})
