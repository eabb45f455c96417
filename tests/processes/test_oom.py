"""A process that the kernel killed for want of memory is told from one that anybody killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.test_child import child
from tests.transport.places import run
from vidproc.errors import OutOfMemoryError
from vidproc.processes import child as child_module
from vidproc.processes.child import ChildDiedError
from vidproc.processes.oom import oom_kills


@pytest.mark.unit
def test_the_kernel_counts_them(tmp_path: Path) -> None:
    counts = tmp_path / "vmstat"
    counts.write_text("nr_free_pages 1\noom_kill 3\nthp_zero_page_alloc 0\n")
    assert oom_kills(counts) == 3
    counts.write_text("nr_free_pages 1\n")
    assert oom_kills(counts) == oom_kills(tmp_path / "none") == 0


@pytest.mark.process
def test_a_killed_child_was_short_of_memory_if_the_kernel_killed_any_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel itself can't be brought to it without starving the tests."""
    killed = 7
    monkeypatch.setattr(child_module, "oom_kills", lambda: killed)

    async def death(more: int) -> ChildDiedError:
        nonlocal killed
        async with child("echo") as it:
            it.kill()
            killed += more
            with pytest.raises(ChildDiedError) as caught:
                await it.receive()
            return caught.value

    async def main() -> None:
        assert not isinstance(await death(0), OutOfMemoryError)
        error = await death(1)
        assert isinstance(error, OutOfMemoryError)
        assert (error.code, error.retryable) == ("out-of-memory", True)
        assert str(error) == "the child was killed by SIGKILL, as memory ran out"

    run(main())
