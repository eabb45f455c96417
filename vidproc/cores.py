"""How many cores this process may use.

The machine's number is the wrong answer in a container: what counts is the set of cores the process is bound to, and
the share of time that its control groups grant. In version 2 of control groups the quota lies in `cpu.max` of the
process's group or of any group above it; in version 1 in `cpu.cfs_quota_us` and `cpu.cfs_period_us` below the `cpu`
hierarchy. Inside a container the path that /proc names may not exist below the mount, whose root is then the group.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_MOUNT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Whole cores, at least one."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(bound, cgroup_cores(_MOUNT, _read(_MEMBERSHIP)))))


def cgroup_cores(mount: Path, membership: str) -> float:
    """The least share of any group that the process is in, in cores; infinite when none is limited.

    `mount` is where the control groups are mounted, `membership` the text of /proc/self/cgroup.
    """
    shares = [share for folder in _groups(mount, membership) for share in (_share_v2(folder), _share_v1(folder))]
    return min((share for share in shares if share > 0), default=math.inf)


def _groups(mount: Path, membership: str) -> Iterator[Path]:
    for line in membership.splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            yield from _upwards(mount, path)
        elif "cpu" in controllers.split(","):
            yield from _upwards(mount / "cpu", path)
            yield from _upwards(mount / controllers, path)


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    inside = PurePosixPath(path).relative_to("/")
    yield mount / inside
    yield from (mount / parent for parent in inside.parents)


def _share_v2(folder: Path) -> float:
    quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
    return _share(quota, period)


def _share_v1(folder: Path) -> float:
    return _share(_read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip())


def _share(quota: str, period: str) -> float:
    """Cores, 0 when there is no limit: `max` in version 2, -1 in version 1, no file at all in a root group."""
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
