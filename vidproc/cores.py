"""How many cores this process may use.

The machine's number is the wrong answer in a container: what counts is the set of cores the process is bound to, and
the share of time that its control groups grant. In version 2 of control groups the quota lies in `cpu.max` of the
process's group or of any group above it; in version 1 in `cpu.cfs_quota_us` and `cpu.cfs_period_us`.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from vidproc import cgroups


def usable_cores() -> int:
    """Whole cores, at least one."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(bound, cgroup_cores(cgroups.MOUNT, cgroups.membership()))))


def cgroup_cores(mount: Path, membership: str) -> float:
    """The least share of any group that the process is in, in cores; infinite when none is limited.

    `mount` is where the control groups are mounted, `membership` the text of /proc/self/cgroup.
    """
    folders = cgroups.folders(mount, membership, "cpu")
    shares = [share for folder in folders for share in (_share_v2(folder), _share_v1(folder))]
    return min((share for share in shares if share > 0), default=math.inf)


def _share_v2(folder: Path) -> float:
    quota, _, period = cgroups.read(folder / "cpu.max").strip().partition(" ")
    return _share(quota, period)


def _share_v1(folder: Path) -> float:
    return _share(cgroups.read(folder / "cpu.cfs_quota_us").strip(), cgroups.read(folder / "cpu.cfs_period_us").strip())


def _share(quota: str, period: str) -> float:
    """Cores, 0 when there is no limit: `max` in version 2, -1 in version 1, no file at all in a root group."""
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else 0.0

