"""What a child may take, and what it holds: its channel, and nothing of anybody else's."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

import pytest

from tests.processes.test_child import child
from tests.transport.places import run
from vidproc.processes.child import Child, ChildLimits, ChildSpentError

pytestmark = pytest.mark.process
MIB = 2**20


def limited(entry: str, **limits: float) -> Child:
    return Child("the child", f"tests.processes.children:{entry}", ChildLimits(**limits))  # type: ignore[arg-type]


def test_it_holds_its_channel_its_gauge_and_its_parent_s_life(tmp_path: Path) -> None:
    async def main() -> None:
        with (tmp_path / "secret").open("wb") as secret:
            os.set_inheritable(secret.fileno(), True)
            async with child("echo"), child("belongings") as it:
                said, _ = await it.receive()
        held = {int(fd): where for fd, where in said["held"].items()}
        streams = [held.pop(fd, "") for fd in range(3)]
        assert streams[0] == "/dev/null"
        assert streams[1] == streams[2] == os.readlink("/proc/self/fd/2")
        kinds = sorted(where.partition(":")[0] for where in held.values())
        gauges = [kind for kind in kinds if kind == "/memfd"]
        assert gauges, "the gauge, which is mapped by a descriptor of its own"
        assert [kind for kind in kinds if kind != "/memfd"] == ["pipe", "socket"]
        assert said["input"] == b""

    run(main())


def test_it_keeps_to_its_limits_and_to_those_that_hold_for_all() -> None:
    async def main() -> None:
        it = limited("belongings", memory=2**40, file=5 * MIB, cpu_s=7.5)
        await it.start()
        try:
            said, _ = await it.receive()
        finally:
            await it.close()
        limits = said["limits"]
        assert limits["RLIMIT_AS"] == [2**40] * 2
        assert limits["RLIMIT_CORE"] == [0, 0]
        assert limits["RLIMIT_FSIZE"] == [5 * MIB] * 2
        assert limits["RLIMIT_CPU"] == [8, 13]
        assert limits["RLIMIT_NOFILE"] == [256, 256]
        assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 5 * MIB, "this process has its own"

    run(main())


def test_a_file_that_grows_too_large_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        it = limited("write", file=MIB)
        await it.start()
        try:
            for size, said in ((MIB, "written"), (MIB + 1, "File too large"), (MIB, "written")):
                await it.send({"path": str(tmp_path / "file"), "bytes": size})
                assert await it.receive() == ({"said": said}, b"")
        finally:
            await it.close()

    run(main())


@pytest.mark.parametrize(("limit", "probing"), [(1.0, False), (1000.0, True), (0.0, True)])
def test_processor_time_ends_and_the_error_names_the_limit(limit: float, probing: bool) -> None:
    async def main() -> None:
        it = limited("spend", cpu_s=limit)
        await it.start()
        try:
            await it.send({"probing": probing})
            with pytest.raises(ChildSpentError, match=r"more processor time than it may \(cpu_limit, probe_limit\)"):
                await it.receive()
        finally:
            await it.close()

    run(main())


PARENT = """
import asyncio, resource
from vidproc.processes.child import Child, ChildLimits


async def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
    child = Child("child", "tests.processes.children:belongings", ChildLimits(file=2**20))
    await child.start()
    said, _ = await child.receive()
    print(said["limits"]["RLIMIT_NOFILE"], len(said["held"]), repr(said["input"]), flush=True)
    await child.close()


asyncio.run(main())
"""


def test_what_its_parent_was_given_is_not_its_own_and_lower_limits_stay(tmp_path: Path) -> None:
    """As a daemon that a shell started with a file for its input, and one more that it forgot to close."""

    async def main() -> None:
        (tmp_path / "parent.py").write_text(PARENT)
        (tmp_path / "input").write_text("secret")
        with (tmp_path / "input").open("rb") as given:
            parent = await asyncio.create_subprocess_exec(
                sys.executable, tmp_path / "parent.py", stdin=given, stdout=asyncio.subprocess.PIPE,
                pass_fds=(given.fileno(),), env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )  # fmt: skip
            said, _ = await parent.communicate()
        limits, _, rest = said.decode().partition("] ")
        assert limits == "[200, 200"
        assert rest.split()[1] == "b''"
        assert int(rest.split()[0]) <= 7

    run(main())
