"""The control groups that this process is in, which may grant it less than the machine has.

Version 2 has one tree of groups, version 1 one for each controller, or for several of them. A limit of a group holds
for all groups below it. Inside a container the path that /proc names may not exist below the mount, whose root is then
the group.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MOUNT = Path("/sys/fs/cgroup")


def membership() -> str:
    """The text of /proc/self/cgroup."""
    return read(Path("/proc/self/cgroup"))


def folders(mount: Path, membership: str, controller: str) -> Iterator[Path]:
    """Where the files of the process's groups for a controller, such as `cpu`, may lie; some need not exist.

    `mount` is where the control groups are mounted, `membership` the text of /proc/self/cgroup.
    """
    for line in membership.splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            yield from _upwards(mount, path)
        elif controller in controllers.split(","):
            yield from _upwards(mount / controller, path)
            yield from _upwards(mount / controllers, path)


def read(path: Path) -> str:
    """What stands in the file; nothing where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    inside = PurePosixPath(path).relative_to("/")
    yield mount / inside
    yield from (mount / parent for parent in inside.parents)
