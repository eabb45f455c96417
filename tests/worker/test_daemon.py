"""A daemon that dials a small coordinator over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog

from tests.transport.places import party, run, server, until
from tests.worker.coordinator import Leaser
from tests.worker.work import FOR_EVER, Work, at_frame, until_there
from vidproc._version import __version__
from vidproc.config import WorkerSettings
from vidproc.errors import AuthenticationError, MemoryLimitError, VersionError
from vidproc.processes.child import ChildDiedError
from vidproc.protocol.messages import Committed, Drain
from vidproc.transport.address import Address
from vidproc.transport.session import Session
from vidproc.worker import slot as slot_module
from vidproc.worker.adaptive import Load
from vidproc.worker.daemon import Daemon
from vidproc.worker.machine_load import MachineLoad

pytestmark = pytest.mark.process

TOKEN = b"a token for tests"


class Coordinator:
    """Hands each session that opens to the test."""

    def __init__(self) -> None:
        self.addresses: list[Address] = []
        self._sessions: asyncio.Queue[tuple[Session, asyncio.Event]] = asyncio.Queue()

    async def handle(self, session: Session) -> None:
        done = asyncio.Event()
        self._sessions.put_nowait((session, done))
        await done.wait()

    @contextlib.asynccontextmanager
    async def met(self) -> AsyncIterator[Leaser]:
        """The next daemon that comes, whose connection ends with the block."""
        session, done = await self._sessions.get()
        try:
            yield Leaser(session)
        finally:
            done.set()


@contextlib.asynccontextmanager
async def coordinator(
    where: Address, token: bytes | None = None, version: str = __version__
) -> AsyncIterator[Coordinator]:
    made = Coordinator()
    async with server(where, made.handle, party=party("coordinator", token, versions={"vidproc": version})) as serving:
        made.addresses = [listener.address for listener in serving.listeners]
        yield made


@contextlib.asynccontextmanager
async def running(daemon: Daemon) -> AsyncIterator[asyncio.Task[None]]:
    course = asyncio.create_task(daemon.run())
    try:
        yield course
    finally:
        course.cancel()
        await asyncio.gather(course, return_exceptions=True)


def settings(folder: Path, **changes: Any) -> WorkerSettings:
    return WorkerSettings(**{"unix_socket": folder / "socket", "name": "the daemon", "processes": 1, **changes})


def test_it_says_what_it_can_do_and_what_it_runs_on(tmp_path: Path) -> None:
    async def main() -> None:
        asked = settings(tmp_path, processes=2, rate_limit=64.0, allow_custom=True, token=TOKEN)
        where = Address.unix(tmp_path / "socket")
        async with coordinator(where, TOKEN) as there, running(Daemon(asked)), there.met() as it:
            peer = it.session.peer
            assert (peer.role, peer.name) == ("worker", "the daemon")
            assert peer.capabilities == {"slots": 2, "rate_limit": 64.0, "allow_custom": True}
            assert {"vidproc", "opencv", "ffmpeg", "numpy", "machine"} <= peer.versions.keys()

    run(main())


def test_it_steps_back_from_others_and_comes_back(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Load(others=0.5, idle=0.0)
    monkeypatch.setattr(MachineLoad, "look", lambda *_: load)
    monkeypatch.setattr("vidproc.worker.daemon._LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("vidproc.worker.link._HEARTBEAT_S", 0.01)

    async def main() -> None:
        nonlocal load
        where = Address.unix(tmp_path / "socket")
        daemon = Daemon(settings(tmp_path, rate_limit="adaptive"))
        async with coordinator(where) as there, running(daemon), there.met() as it:
            assert it.session.peer.capabilities["rate_limit"] == 0.0
            await it.lease(1, work.through(at_frame(7, until_there(tmp_path / "gate"))))
            while not (await it.beat()).rate_limit:
                pass
            load = Load(others=0.0, idle=0.0)
            while (await it.beat()).rate_limit != 0.0:
                pass
            (tmp_path / "gate").touch()
            assert (await it.answer()).report.frames == 12

    run(main())


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_it_dials_the_family_that_it_is_told_to(work: Work, tmp_path: Path, family: str) -> None:
    async def main() -> None:
        async with coordinator(Address.tcp("::1" if family == "ipv6" else "127.0.0.1", 0)) as there:
            asked = settings(tmp_path, unix_socket=None, port=there.addresses[0].port, **{family: True})
            async with running(Daemon(asked)), there.met() as it:
                await it.lease(1, work)
                assert (await it.answer()).records == work.expected(0)

    run(main())


def test_it_comes_back_when_a_connection_is_lost_in_mid_work(work: Work, tmp_path: Path) -> None:
    async def main() -> None:
        where = Address.unix(tmp_path / "socket")
        async with running(Daemon(settings(tmp_path))):
            for _ in range(2):  # the first time nobody is there yet, the second time the coordinator is a new one
                async with coordinator(where) as there:
                    async with there.met() as it:
                        await it.lease(1, work.through(at_frame(3, FOR_EVER)))
                        while (await it.beat()).frames != {1: 3}:
                            pass
                    async with there.met() as it:
                        await it.lease(1, work)
                        assert (await it.answer()).records == work.expected(0)

    run(main())


def test_draining_it_finishes_the_leases_in_hand_and_it_returns(work: Work, tmp_path: Path) -> None:
    async def main() -> None:
        daemon = Daemon(settings(tmp_path))
        where = Address.unix(tmp_path / "socket")
        async with coordinator(where) as there, running(daemon) as course, there.met() as it:
            await it.lease(1, work.through(at_frame(3, until_there(tmp_path / "gate"))))
            while (await it.beat()).frames != {1: 3}:
                pass
            daemon.drain()
            assert (await it.heard())[0] == Drain()
            (tmp_path / "gate").touch()
            assert (await it.answer()).report.frames == 12
            await it.lease(2, work)  # was on its way: with a result that is not kept yet the daemon is still there
            assert (await it.answer()).report.frames == 12
            for lease in (2, 1):
                await it.session.send(Committed(lease))
            await course

    run(main())


def test_draining_it_while_nobody_is_there_ends_it(tmp_path: Path) -> None:
    async def main() -> None:
        daemon = Daemon(settings(tmp_path))
        async with running(daemon) as course:
            await until(lambda: all(slot.pid for slot in daemon._slots))
            daemon.drain()
            await course

    run(main())


def test_a_wrong_token_ends_it_at_the_first_meeting(tmp_path: Path) -> None:
    async def main() -> None:
        async with coordinator(Address.unix(tmp_path / "socket"), TOKEN):
            with pytest.raises(AuthenticationError):
                await Daemon(settings(tmp_path, token=b"another one for tests")).run()

    run(main())


def test_a_token_that_changes_later_does_not(work: Work, tmp_path: Path) -> None:
    async def main() -> None:
        where = Address.unix(tmp_path / "socket")
        async with running(Daemon(settings(tmp_path, token=TOKEN))):
            async with coordinator(where, TOKEN) as there, there.met():
                pass
            with structlog.testing.capture_logs() as logs:
                async with coordinator(where, b"a new token for tests"):
                    await until(lambda: [line.get("code") for line in logs].count("authentication") > 1)
            async with coordinator(where, TOKEN) as there, there.met() as it:
                await it.lease(1, work)
                assert (await it.answer()).lease == 1

    run(main())


def test_a_coordinator_of_another_version_ends_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with coordinator(Address.unix(tmp_path / "socket"), version="99.0"):
            with pytest.raises(VersionError, match=r"the coordinator vidproc 99\.0"):
                await Daemon(settings(tmp_path)).run()

    run(main())


def test_slots_stand_back_as_far_as_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        daemon = Daemon(settings(tmp_path, nice=3))
        async with coordinator(Address.unix(tmp_path / "socket")) as there, running(daemon), there.met():
            assert psutil.Process(daemon._slots[0].pid).nice() == min(19, psutil.Process().nice() + 3)

    run(main())


def test_slots_that_cannot_begin_end_it_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(slot_module, "_ENTRY", "tests.worker.children:stillborn")
        monkeypatch.setattr("vidproc.worker.daemon._backoff", lambda _: 0.01)
        with pytest.raises(ChildDiedError, match="ended with exit code 5"):
            await Daemon(settings(tmp_path, processes=3)).run()

    run(main())


def test_processes_that_die_as_it_starts_are_replaced(
    tmp_path: Path, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, seen = slot_module._ENTRY, []

    def pause(deaths: int) -> float:
        seen.append(deaths)
        if deaths == 3:
            monkeypatch.setattr(slot_module, "_ENTRY", entry)
        return 0.01

    async def main() -> None:
        monkeypatch.setattr(slot_module, "_ENTRY", "tests.worker.children:stillborn")
        monkeypatch.setattr("vidproc.worker.daemon._backoff", pause)
        where = Address.unix(tmp_path / "socket")
        async with coordinator(where) as there, running(Daemon(settings(tmp_path))), there.met() as it:
            assert seen == [1, 2, 3]
            await it.lease(1, work)
            assert (await it.answer()).records == work.expected(0)

    run(main())


def test_it_does_not_even_dial_with_a_limit_that_leaves_its_slots_no_room(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(MemoryLimitError, match=r"200 MiB .* too little: a process takes at least \d+ MiB"):
            await Daemon(settings(tmp_path, processes=2, memory_limit=200 * 2**20)).run()

    run(main())


def test_cancelled_in_mid_work_it_leaves_nothing(work: Work, tmp_path: Path) -> None:
    async def main() -> None:
        daemon = Daemon(settings(tmp_path, processes=2))
        where = Address.unix(tmp_path / "socket")
        async with coordinator(where) as there, running(daemon) as course, there.met() as it:
            for slot in (0, 1):
                await it.lease(slot, work.through(at_frame(3, FOR_EVER)), slot=slot)
            await until(lambda: all(slot.reading.frame == 3 for slot in daemon._slots))
            course.cancel()
            with pytest.raises(asyncio.CancelledError):
                await course
            assert [slot.pid for slot in daemon._slots] == [0, 0]

    run(main())
