"""What is cleared away of a real journal, and what is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.coordinator.jobs import run, until
from tests.coordinator.test_inquiries import DONE, journal_of, record
from vidproc.coordinator.clearing import Clearing

pytestmark = pytest.mark.process


@pytest.mark.parametrize(("keep", "keep_jobs"), [(1.0, 0), (1e12, 1)])
def test_a_job_whose_client_is_there_stays(tmp_path: Path, keep: float, keep_jobs: int) -> None:
    async def main() -> None:
        async with journal_of(tmp_path) as journal:
            for job_id in ("0a", "0b", "0c"):
                await journal.accept(record(job_id))
                await journal.end(job_id, DONE)
            removed: list[str] = []
            clearing = Clearing(journal, keep, keep_jobs, 0, lambda: {"0a", "0c"}, removed.append)
            running = asyncio.create_task(clearing.run())
            await until(lambda: bool(removed))
            running.cancel()
            await asyncio.wait({running})
            assert removed == ["0b"]
            assert await journal.find("0a") is not None
            assert await journal.find("0c") is not None

    run(main())
