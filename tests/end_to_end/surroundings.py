"""Machines of a test's own: network namespaces with a cable between them, and disks that are small.

Nothing of it has a name outside, and all of it goes with the processes that hold it; so a run of tests that is killed
leaves no interface, namespace or mount behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_MOUNT = 'size=$1 folder=$2; shift 2; mount -t tmpfs -o "size=$size" tmpfs "$folder" && exec "$@"'
_IPV4_ALONE = 'ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"'
_READY = "ip link set lo up && echo ready && exec cat"


def small_disk(folder: Path, size: int) -> list[str]:
    """A command before a command: for that one alone, the folder is a disk of `size` bytes. From outside it is seen
    below /proc/PID/root. Skips the test where the system allows no such thing."""
    folder.mkdir(exist_ok=True)
    words = ["unshare", "--mount", "sh", "-c", _MOUNT, "sh", str(size), str(folder)]
    _demand("unshare", "mount")
    _try_out([*words, "true"], "a disk of its own")
    return words


def without_ipv6() -> list[str]:
    """A command before a command, which then has the loopback of IPv4 alone. Skips the test where the system allows no
    such thing."""
    words = ["unshare", "--net", "sh", "-c", _IPV4_ALONE, "sh"]
    _demand("unshare", "ip")
    _try_out([*words, "true"], "a network namespace")
    return words


@dataclass(frozen=True)
class Host:
    """A network namespace, as long as the process `pid` lives."""

    pid: int
    ipv6: str
    ipv4: str

    @property
    def within(self) -> list[str]:
        """A command before a command, which then runs on this host."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net"]

    def run(self, command: str) -> None:
        subprocess.run([*self.within, *command.split()], check=True, capture_output=True)

    def plug(self, up: bool) -> None:
        """Put the cable in, or pull it out."""
        self.run(f"ip link set eth0 {'up' if up else 'down'}")
        if up:  # the address went with the link
            self.run(f"ip -6 addr replace {self.ipv6}/64 dev eth0 nodad")


@contextlib.contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Two that know each other alone. Skips the test where the system allows no namespaces."""
    _demand("unshare", "nsenter", "ip")
    _try_out(["unshare", "--net", "true"], "a network namespace")
    with contextlib.ExitStack() as stack:
        pids = [stack.enter_context(_namespace()) for _ in range(2)]
        hosts = [Host(pid, f"fd00:1::{n}", f"10.1.2.{n}") for n, pid in enumerate(pids, 1)]
        hosts[0].run(f"ip link add eth0 type veth peer name eth0 netns {hosts[1].pid}")
        for host in hosts:
            host.run(f"ip addr add {host.ipv4}/24 dev eth0")
            host.plug(up=True)
        yield hosts[0], hosts[1]


@contextlib.contextmanager
def _namespace() -> Iterator[int]:
    """The process that holds it, and that ends with its standard input, which is ours."""
    command = ["unshare", "--net", "sh", "-c", _READY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        yield holder.pid


def _demand(*programs: str) -> None:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"there is no {missing[0]} here")


def _try_out(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this system allows uid {os.getuid()} no {what}: {done.stderr.strip()}")
