"""What people come for: a film goes in, they see what happens to it, a film comes out."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, cluster, until
from tests.media import clips
from tests.web.browsing import Visitor, accessible

BREAKING = """
def breaking(frame):
    raise ValueError("this film is not for me")
"""


@pytest.fixture(scope="module")
def other_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that no other test has sent."""
    return clips.make("variable rate", tmp_path_factory.mktemp("other"))


def opened(visitor: Visitor, film: Path) -> Page:
    """A new job, with the film there and its first pictures shown."""
    page = visitor.page("/")
    page.locator("#file").set_input_files(film)
    expect(page.locator("#studio")).to_be_visible()
    expect(page.locator(".compare:not(.loading):not(.empty)")).to_be_visible()
    return page


def pictures(page: Page) -> tuple[str, str]:
    """The addresses of what is shown, which are others whenever that is another picture."""
    before, after = (page.locator(f".compare img{each}").get_attribute("src") for each in ("", ".after") if each or True)
    return str(before), str(after)


def started(page: Page) -> str:
    """The job's number."""
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/jobs/*")
    return page.url.rpartition("/")[2]
