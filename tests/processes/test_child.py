"""Children that work, and children that come to all sorts of ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.transport.places import run, until
from vidproc.errors import MemoryLimitError
from vidproc.processes.child import Child, ChildDiedError, ChildLimits

pytestmark = pytest.mark.process

MIB = 2**20


@contextlib.asynccontextmanager
async def child(entry: str, memory: int = 0) -> AsyncIterator[Child]:
    made = Child("the child", f"tests.processes.children:{entry}", ChildLimits(memory))
    await made.start()
    try:
        yield made
    finally:
        await made.close()


def lives(pid: int) -> bool:
    """Whether there is more than a zombie of it."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def echoes(it: Child) -> bool:
    await it.send({"number": 5}, b"payload")
    return await it.receive() == ({"number": 5}, b"payload")


def test_it_answers_in_order_whatever_the_size() -> None:
    async def main() -> None:
        async with child("echo") as it:
            for size in (0, 1, 3 * MIB):
                await it.send({"size": size}, b"x" * size)
                assert await it.receive() == ({"size": size}, b"x" * size)

    run(main())


def test_a_limit_that_leaves_no_room_is_refused_in_words_whatever_it_is_asked_first() -> None:
    async def main() -> None:
        async with child("echo", memory=1) as it:
            await it.send({"number": 5}, b"payload")
            answer, _ = await it.receive()
            error = it.raised(answer["failed"])
            assert isinstance(error, MemoryLimitError)
            assert "0 MiB of address space are too little" in str(error)

    run(main())


def test_it_is_gone_when_it_was_closed() -> None:
    async def main() -> None:
        async with child("echo") as it:
            assert psutil.pid_exists(it.pid)
        assert not psutil.pid_exists(it.pid)

    run(main())


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("segfault", "was killed by SIGSEGV"),
        ("signal", "was killed by SIGUSR1"),
        ("real-time signal", f"was killed by signal {signal.SIGRTMIN + 1}"),
        ("exit", "ended with exit code 3"),
        ("return", "ended with exit code 0"),
        ("hang up", "was killed by SIGKILL"),
    ],
)
def test_how_it_ended_is_told_and_the_gauge_can_still_be_read(end: str, said: str) -> None:
    async def main() -> None:
        async with child("obey") as it:
            await it.send({"end": end})
            with pytest.raises(ChildDiedError, match=f"^the child {said}$"):
                await it.receive()
            assert (it.gauge.read().frame, it.gauge.read().finished) == (42, 7)

    run(main())


def test_a_killed_one_is_noticed_by_who_waits_for_it() -> None:
    async def main() -> None:
        async with child("echo") as it:
            waiting = asyncio.create_task(it.receive())
            await asyncio.sleep(0)
            it.kill()
            with pytest.raises(ChildDiedError, match="SIGKILL"):
                await waiting
            with pytest.raises(ChildDiedError, match="SIGKILL"):
                await it.send({}, bytes(8 * MIB))
            it.kill()

    run(main())


def test_a_stopped_one_can_be_killed_in_the_middle_of_what_it_is_sent() -> None:
    async def main() -> None:
        async with child("echo") as it:
            os.kill(it.pid, signal.SIGSTOP)
            sending = asyncio.create_task(it.send({}, bytes(8 * MIB)))
            await until(lambda: psutil.Process(it.pid).status() == psutil.STATUS_STOPPED)
            assert not sending.done()
            it.kill()
            with pytest.raises(ChildDiedError, match="SIGKILL"):
                await sending

    run(main())


def test_its_memory_is_capped_and_it_lives_on() -> None:
    async def main() -> None:
        async with child("hoard", memory=4096 * MIB) as it:
            for mib, got in ((5000, 0), (1, 1)):
                await it.send({"mib": mib})
                assert await it.receive() == ({"got": got}, b"")

    run(main())


def test_many_at_once_leave_the_program_as_it_was() -> None:
    main_module, environment = sys.modules["__main__"], dict(os.environ)

    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:
            opened = [stack.enter_async_context(child("echo")) for _ in range(6)]
            for it in await asyncio.gather(*opened):
                it.kill()
                with pytest.raises(ChildDiedError, match="SIGKILL"):
                    await it.receive()

    run(main())
    assert sys.modules["__main__"] is main_module
    assert dict(os.environ) == environment


def test_the_environment_of_children_is_never_in_the_program_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other threads go through `os.environ` at any moment: modules do as they are imported."""

    def changed(*_: object) -> None:
        raise AssertionError("the environment was changed")

    async def main() -> None:
        async with child("tell_environment") as it:
            await it.send({"name": "MALLOC_TRIM_THRESHOLD_"})
            assert await it.receive() == ({"value": str(2**30)}, b"")

    with monkeypatch.context() as patch:
        for method in ("__setitem__", "__delitem__"):
            patch.setattr(type(os.environ), method, changed)
        run(main())


def test_a_start_that_is_cancelled_leaves_nothing_and_harms_no_other() -> None:
    async def main() -> None:
        async with child("echo") as other:
            for turns in range(4):
                starting = asyncio.create_task(Child("doomed", "tests.processes.children:echo", ChildLimits()).start())
                for _ in range(turns):
                    await asyncio.sleep(0)
                starting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await starting
            assert await echoes(other)

    run(main())


@pytest.fixture
def no_descriptors() -> Iterator[None]:
    """Not one more can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    spare = [os.dup(0) for _ in range(8)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(highest, *spare) + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in spare:
            os.close(fd)


def test_without_descriptors_none_can_be_started_and_that_is_said(request: pytest.FixtureRequest) -> None:
    async def main() -> None:
        async with child("echo") as other:
            request.getfixturevalue("no_descriptors")
            filler: list[int] = []
            with contextlib.suppress(OSError):
                while True:
                    filler.append(os.dup(0))
            try:
                with pytest.raises(ChildDiedError, match=r"could not be started: .*Too many open files"):
                    await Child("one more", "tests.processes.children:echo", ChildLimits()).start()
            finally:
                for fd in filler:
                    os.close(fd)
            assert await echoes(other)

    run(main())


def test_a_fork_server_that_has_closed_its_socket_but_is_not_gone_yet_is_waited_for(tmp_path: Path) -> None:
    async def main() -> None:
        server: Any = forkserver._forkserver  # type: ignore[attr-defined]
        async with child("echo") as before:
            dying, door = psutil.Process(server._forkserver_pid), server._forkserver_address
            with socket.socket(socket.AF_UNIX) as closed:
                closed.bind(str(tmp_path / "socket"))
                server._forkserver_address = str(tmp_path / "socket")
                async with child("echo") as after:
                    assert await echoes(after)
            os.close(int(Path(door).name))
            assert not dying.is_running()
            assert await echoes(before)

    run(main())


def test_when_the_fork_server_is_killed_its_children_work_on_and_the_next_one_has_a_new_server() -> None:
    async def main() -> None:
        async with child("echo") as orphan:
            server = psutil.Process(forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]
            server.kill()
            await until(lambda: server.status() == psutil.STATUS_ZOMBIE)
            assert await echoes(orphan)
            async with child("echo") as it:
                assert await echoes(it)
        await until(lambda: not psutil.pid_exists(orphan.pid))

    run(main())


FAMILY = """
import asyncio, signal
from vidproc.processes.child import Child, ChildLimits


async def main():
    echo, busy = (Child(name, f"tests.processes.children:{name}", ChildLimits()) for name in ("echo", "compute"))
    await asyncio.gather(echo.start(), busy.start())
    await busy.receive()
    await echo.send({})
    await echo.receive()
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    print(echo.pid, busy.pid, flush=True)
    await interrupted.wait()
    await echo.send({"after": "the signal"})
    print((await echo.receive())[0]["after"], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
"""


STOP_SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])


@STOP_SIGNALS
def test_children_leave_stop_signals_to_their_parent_and_end_with_it_even_when_they_are_busy(
    tmp_path: Path, number: int
) -> None:
    """A terminal sends them to a group, a service manager to each process of a service."""

    async def main() -> None:
        script = tmp_path / "family.py"
        script.write_text(FAMILY)
        parent = await asyncio.create_subprocess_exec(
            sys.executable, script, stdout=asyncio.subprocess.PIPE, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        try:
            assert parent.stdout is not None
            children = [int(word) for word in (await parent.stdout.readline()).split()]
            os.killpg(parent.pid, number)
            for pid in children:
                os.kill(pid, number)
            assert await parent.stdout.readline() == b"the signal\n"
            assert all(lives(pid) for pid in children)
        finally:
            parent.kill()
            await parent.wait()
        await until(lambda: not any(lives(pid) for pid in children))

    run(main())


def test_what_a_child_started_ends_with_it() -> None:
    async def main() -> None:
        async with child("procreate") as it:
            started = (await it.receive())[0]["pid"]
            assert lives(started)
        await until(lambda: not lives(started))

    run(main())


GRANDPARENT = """
import asyncio
from vidproc.processes.child import Child, ChildLimits


async def main():
    child = Child("child", "tests.processes.children:procreate", ChildLimits())
    await child.start()
    print((await child.receive())[0]["pid"], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
"""


def test_what_a_child_started_ends_with_the_child_s_parent(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "grandparent.py").write_text(GRANDPARENT)
        parent = await asyncio.create_subprocess_exec(
            sys.executable, tmp_path / "grandparent.py", stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        assert parent.stdout is not None
        started = int(await parent.stdout.readline())
        assert lives(started)
        parent.kill()
        await parent.wait()
        await until(lambda: not lives(started))

    run(main())


NEWBORN = """
import asyncio
import pathlib
from vidproc.processes.child import Child, ChildLimits, preload


async def main():
    preload("pressed")
    echo = Child("echo", "tests.processes.children:echo", ChildLimits())
    await echo.start()
    await echo.send({"after": "the signal"})
    print((await echo.receive())[0]["after"], flush=True)
    masks = pathlib.Path(f"/proc/{echo.pid}/status").read_text().split()
    print(masks[masks.index("SigBlk:") + 1], flush=True)
    await echo.close()


asyncio.run(main())
"""


@STOP_SIGNALS
def test_stop_signals_do_not_reach_the_fork_server_while_it_imports_what_is_preloaded(
    tmp_path: Path, number: int
) -> None:
    (tmp_path / "newborn.py").write_text(NEWBORN)
    (tmp_path / "pressed.py").write_text(f"import signal\nsignal.raise_signal({number:d})\n")
    path = os.pathsep.join((str(Path(__file__).parents[2]), str(tmp_path)))
    done = subprocess.run(
        [sys.executable, tmp_path / "newborn.py"],
        capture_output=True, text=True, timeout=30, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    said, blocked = done.stdout.splitlines()
    assert said == "the signal"
    assert int(blocked, 16) == 0, "what a child starts can be interrupted"
