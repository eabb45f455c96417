"""What holds for every test: nothing it started or opened outlives it, and no clock decides whether it passes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.leaks import Belongings, left_behind, mark_descendants, temporary_files_apart
from tests.postgres import Postgres, serving


def pytest_configure(config: pytest.Config) -> None:
    os.environ["VIDPROC_COORDINATOR_PREVIEW_PORT"] = "off"  # but where a test asks for pages
    mark_descendants()
    apart = temporary_files_apart()
    apart.__enter__()
    config.add_cleanup(lambda: apart.__exit__(None, None, None))
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a descriptor, thread, process, shared-memory block or temporary file behind.

    Fixtures of a wider scope are set up before this one, so what they hold does not count.
    """
    before = Belongings.now()
    yield
    if request.node.get_closest_marker("leaks_allowed") is None:
        left = left_behind(before)
        if left:
            pytest.fail("left behind:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Skips the test where none is installed."""
    with serving() as made:
        yield made
