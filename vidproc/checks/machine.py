"""What the machine grants: cores, memory, shared memory, descriptors, and a clock."""

from __future__ import annotations

import math
import mmap
import os
import resource
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from vidproc import _version, cgroups
from vidproc.checks.finding import Finding, ok, problem, warning
from vidproc.cores import cgroup_cores, usable_cores

SLOT_BYTES = 656 * 2**20
"""What a slot takes at most to blur 1080p into H.264, by `media.slot_memory`; `vidproc explain` says it of a film."""

_COORDINATOR_DESCRIPTORS = 256
"""Beside its connections."""
_LEAST_DESCRIPTORS = 256
"""What each child process keeps to."""


def cores(processes: int) -> Iterator[Finding]:
    there, usable = os.cpu_count() or 1, usable_cores()
    said = f"{usable} of {there} may be used"
    granted = cgroup_cores(cgroups.MOUNT, cgroups.membership())
    if granted < there:
        said += f", as a control group grants {granted:g}"
    if processes > usable:
        yield warning("cores", f"{said}, for {processes} processes", f"give the worker --processes {usable}")
    else:
        yield ok("cores", f"{said}; a worker takes {processes}")


def memory_limit(mount: Path, membership: str) -> float:
    """The least bytes that any control group grants; infinite when none limits them."""
    files = ("memory.max", "memory.limit_in_bytes")
    folders = cgroups.folders(mount, membership, "memory")
    said = [cgroups.read(folder / file).strip() for folder in folders for file in files]
    return min((int(each) for each in said if each.isdigit()), default=math.inf)


def memory(processes: int, slot_bytes: int = SLOT_BYTES) -> Iterator[Finding]:
    import psutil

    seen = psutil.virtual_memory()
    whole = min(float(seen.total), memory_limit(cgroups.MOUNT, cgroups.membership()))
    said = f"{_size(whole)}, of which {_size(min(whole, seen.available))} are free"
    fitting = int(whole // slot_bytes)
    if fitting < processes:
        yield warning(
            "memory", f"{said}: little for {processes} processes, each with up to {_size(slot_bytes)} at 1080p",
            f"give the worker --processes {max(1, fitting)}, and see what `vidproc explain` says of your films",
        )  # fmt: skip
    else:
        yield ok("memory", said)


def address_space(wanted: int) -> Iterator[Finding]:
    """Child processes cap their own; they get no more than whoever started us has allowed."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        yield ok("address space", "not limited from outside")
    elif not wanted or soft < wanted:
        advice = "raise it: ulimit -v unlimited, or LimitAS=infinity in the service"
        yield warning("address space", f"{_size(soft)} a process, less than --memory-limit", advice)
    else:
        yield ok("address space", f"{_size(soft)} a process")


def shared_memory() -> Iterator[Finding]:
    """Slots report how far they are through a page of it, which has no name and is not in /dev/shm."""
    try:
        descriptor = os.memfd_create("vidproc-doctor", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, mmap.PAGESIZE)
            mmap.mmap(descriptor, mmap.PAGESIZE).close()
        finally:
            os.close(descriptor)
    except OSError as error:
        yield problem("shared memory", f"none to be had: {error.strerror}", "allow memfd_create(2) in the sandbox")
        return
    place = Path("/dev/shm")
    size = f"/dev/shm has {_size(shutil.disk_usage(place).total)}" if place.is_dir() else "there is no /dev/shm"
    yield ok("shared memory", f"works; {size}, of which vidproc itself takes nothing")


def descriptors(connections: int) -> Iterator[Finding]:
    """The programs raise the soft limit to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        yield ok("open files", "as many as wanted")
    elif hard < _LEAST_DESCRIPTORS:
        yield problem("open files", f"at most {hard}", f"raise the hard limit: ulimit -Hn {_wanted(connections)}")
    elif hard < _wanted(connections):
        yield warning(
            "open files", f"at most {hard}, for up to {connections} connections",
            f"raise the hard limit (ulimit -Hn {_wanted(connections)}), or lower --max-connections",
        )  # fmt: skip
    else:
        yield ok("open files", f"at most {hard}")


def _wanted(connections: int) -> int:
    return connections + _COORDINATOR_DESCRIPTORS


def clock(began: tuple[float, float]) -> Iterator[Finding]:
    """`began`: what `time.time()` and `time.monotonic()` said some time before. Waits are measured by the second, so a
    clock that is set harms no job; but it says when results are old enough to be removed."""
    jumped = (time.time() - began[0]) - (time.monotonic() - began[1])
    installed = Path(_version.__file__).stat().st_mtime
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    set_right = "have the clock set by the network: timedatectl set-ntp true"
    if time.time() < installed - 86400:
        yield problem("clock", f"it says {now}, which is before vidproc was installed", set_right)
    elif abs(jumped) > 1:
        yield warning("clock", f"it was set by {jumped:+.1f} s in the last seconds", set_right)
    else:
        yield ok("clock", f"{now}, and runs evenly")


def _size(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
