"""Whom the kernel has killed for want of memory; a process that was looks like any other that got a SIGKILL."""

from __future__ import annotations

from pathlib import Path

_VMSTAT = Path("/proc/vmstat")


def oom_kills(vmstat: Path = _VMSTAT) -> int:
    """How many processes of this host so far, for the host's memory or a container's; 0 where that is not said.

    See proc_vmstat(5): `oom_kill`, since Linux 4.13.
    """
    try:
        lines = vmstat.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(count) for name, _, count in (line.partition(" ") for line in lines) if name == "oom_kill")
