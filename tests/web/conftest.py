"""A cluster that is looked at over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, cluster
from tests.media import clips
from tests.web.asking import client
from tests.web.browsing import Visitor, chromium


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 frames in five chunks, with keyframes every 12 frames."""
    return clips.make("constant rate", tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A coordinator with pages and a daemon of two slots that runs custom filters."""
    with cluster(tmp_path_factory.mktemp("site"), "--preview-port", 0) as made:
        made.add_worker(2, "--allow-custom")
        yield made


@pytest.fixture
def http(site: Cluster) -> Iterator[httpx.Client]:
    with client(site) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one file of tests: as long as it is there, no test can run an event loop of its own."""
    with chromium() as made:
        yield made


@pytest.fixture
def visitor(browser: Browser, site: Cluster) -> Iterator[Visitor]:
    """Of the cluster `site`."""
    made = Visitor(browser, site.pages[0])
    yield made
    made.leave()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """The first two chunks of a job pass it, and nobody waits at it in the end."""
    made = Gate(tmp_path, chunks=2)
    yield made
    made.open()
