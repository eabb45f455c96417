"""What the children in these tests do. Each is named to `Child` as "tests.processes.children:name"."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import subprocess

from vidproc.processes.bootstrap import allow_processor_time
from vidproc.processes.channel import Channel
from vidproc.processes.gauge import Gauge

MIB = 2**20


def echo(channel: Channel, gauge: Gauge) -> None:
    """Answers with what it is sent."""
    for header, payload in channel:
        channel.send(header, payload)


def tell_environment(channel: Channel, gauge: Gauge) -> None:
    """Answers with the variable that it is asked for."""
    for header, _ in channel:
        channel.send({"value": os.environ.get(header["name"], "")})


def obey(channel: Channel, gauge: Gauge) -> None:
    """Comes to the end that it is told, with frame 42 in hand."""
    for header, _ in channel:
        gauge.set(42, 7)
        match header["end"]:
            case "segfault":
                ctypes.string_at(0)
            case "exit":
                os._exit(3)
            case "signal":
                os.kill(os.getpid(), signal.SIGUSR1)
            case "real-time signal":
                os.kill(os.getpid(), signal.SIGRTMIN + 1)
            case "return":
                return
            case "hang up":
                os.closerange(3, 256)
                signal.pause()


def count(channel: Channel, gauge: Gauge) -> None:
    """Writes into the gauge as fast as it can."""
    while True:
        gauge.set(7, 7)


def hoard(channel: Channel, gauge: Gauge) -> None:
    """Takes as many MiB of memory as it is told, and says whether it got them."""
    for header, _ in channel:
        try:
            got = len(bytearray(header["mib"] * MIB)) // MIB
        except MemoryError:
            got = 0
        channel.send({"got": got})


def procreate(channel: Channel, gauge: Gauge) -> None:
    """Starts a process of its own, and says which."""
    with subprocess.Popen(["sleep", "1000"]) as started:
        channel.send({"pid": started.pid})


def belongings(channel: Channel, gauge: Gauge) -> None:
    """Says what it holds: where its descriptors lead, its limits, and what it reads from standard input."""
    names = [int(name) for name in os.listdir("/proc/self/fd")]
    held = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in names if os.path.exists(f"/proc/self/fd/{fd}")}
    kinds = ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE")
    limits = {kind: list(resource.getrlimit(getattr(resource, kind))) for kind in kinds}
    channel.send({"held": held, "limits": limits, "input": os.read(0, 9)})


def write(channel: Channel, gauge: Gauge) -> None:
    """Writes as many bytes to a file as it is told, and says how that went."""
    for header, _ in channel:
        try:
            with open(header["path"], "wb") as file:
                file.write(bytes(header["bytes"]))
            said = "written"
        except OSError as error:
            said = str(error.strerror)
        channel.send({"said": said})


def spend(channel: Channel, gauge: Gauge) -> None:
    """Takes processor time without end, at most a second of it where it is told so."""
    for header, _ in channel:
        if header.get("probing"):
            allow_processor_time(1.0)
        while True:
            pass


def compute(channel: Channel, gauge: Gauge) -> None:
    """Is busy in C code that does not let go of Python's lock, for longer than anybody lives."""
    channel.send({"ready": True})
    re.match(r"(a+)+b", "a" * 64)
