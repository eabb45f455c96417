"""Files that leases name: asked for once by a daemon, and handed once to a slot."""

from __future__ import annotations

import hashlib
import os
import signal
from typing import Any

import pytest

from tests.filters.sample_files import encoded, logo
from tests.transport.places import run, until
from tests.worker.coordinator import ended
from tests.worker.test_link import Connected, connected
from tests.worker.test_slot import slot
from tests.worker.work import Work
from vidproc.errors import PeerError
from vidproc.processes.child import Child, ChildDiedError
from vidproc.protocol.messages import FileBlock, FileWanted, Revoke

pytestmark = pytest.mark.process
LOGO, OTHER = encoded(logo()), encoded(logo(30, 30))
NAME = hashlib.sha256(LOGO).hexdigest()


async def send(it: Connected, data: bytes = LOGO, start: int = 0, stop: int | None = None) -> None:
    session = it.coordinator.session
    half = (start + (stop or len(data))) // 2
    for at, end in ((start, half), (half, stop or len(data))):
        await session.send(FileBlock(NAME, at), data[at:end])


async def finishes(it: Connected, work: Work, *leases: int) -> None:
    answers = {(answer := await it.coordinator.answer()).lease: answer.records for _ in leases}
    assert answers == {lease: work.expected(lease) for lease in leases}


def test_a_file_is_asked_for_once_for_all_leases(work: Work) -> None:
    async def main() -> None:
        under = work.under(LOGO)
        assert under.expected(0) != work.expected(0)
        async with connected(2) as it:
            await it.coordinator.lease(0, under, 0, slot=0)
            await it.coordinator.lease(1, under, 1, slot=1)
            assert (await it.coordinator.heard())[0] == FileWanted(NAME)
            await send(it)
            await finishes(it, under, 0, 1)
            await it.coordinator.lease(2, under, 2)
            await finishes(it, under, 2)

    run(main())


def test_a_lease_that_is_revoked_takes_its_wish_along(work: Work) -> None:
    """Blocks that still were on their way are no part of the answer to the next wish."""

    async def main() -> None:
        under = work.under(LOGO)
        async with connected() as it:
            await it.coordinator.lease(7, under, 0)
            assert (await it.coordinator.heard())[0] == FileWanted(NAME)
            await send(it, stop=len(LOGO) // 2)
            await it.coordinator.session.send(Revoke(7))
            await send(it, start=len(LOGO) // 2)
            await it.coordinator.lease(0, under, 0)
            assert (await it.coordinator.heard())[0] == FileWanted(NAME)
            await send(it, start=len(LOGO) // 2)
            await send(it)
            await finishes(it, under, 0)

    run(main())


def test_other_bytes_end_the_connection(work: Work) -> None:
    async def main() -> None:
        async with connected() as it:
            await it.coordinator.lease(0, work.under(LOGO))
            await it.coordinator.heard()
            await send(it, LOGO[::-1])
            error = await ended(it.serving)
            assert isinstance(error, PeerError)
            assert str(error) == "a file that came does not match its size and SHA-256"

    run(main())


def test_a_slot_is_handed_a_file_once_and_its_successor_again(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[str] = []
    send = Child.send

    async def noted(child: Child, header: Any, *payload: Any) -> None:
        handed.extend(header.get("file", "").split())
        await send(child, header, *payload)

    monkeypatch.setattr(Child, "send", noted)

    async def main() -> None:
        under, both = work.under(LOGO), work.under(LOGO, OTHER)
        files = {hashlib.sha256(data).hexdigest(): data for data in (LOGO, OTHER)}
        async with slot() as it:
            for index in (0, 1):
                _, records = await it.run(under.task(index), under.packets(index), {NAME: LOGO})
                assert records == under.expected(index)
            assert handed == [NAME]
            _, records = await it.run(both.task(2), both.packets(2), files)
            assert records == both.expected(2)
            assert handed == list(files)
            os.kill(it.pid, signal.SIGKILL)
            await until(lambda: not os.path.exists(f"/proc/{it.pid}"))
            with pytest.raises(Exception, match="SIGKILL") as caught:
                await it.run(under.task(3), under.packets(3), {NAME: LOGO})
            assert isinstance(caught.value.error, ChildDiedError)  # type: ignore[attr-defined]
            _, records = await it.run(under.task(3), under.packets(3), {NAME: LOGO})
            assert records == under.expected(3)
            assert handed == [*files, NAME]

    run(main())
