"""What holds for every test: nothing it started or opened outlives it, and no clock decides whether it passes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.leaks import Belongings, left_behind, mark_descendants


def pytest_configure() -> None:
    mark_descendants()
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a descriptor, thread, process or shared-memory block behind.

    Fixtures of a wider scope are set up before this one, so what they hold does not count.
    """
    before = Belongings.now()
    yield
    if request.node.get_closest_marker("leaks_allowed") is None:
        left = left_behind(before)
        if left:
            pytest.fail("left behind:\n  " + "\n  ".join(left), pytrace=False)
