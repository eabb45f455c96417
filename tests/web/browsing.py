"""A person with a browser: headless Chromium on pages of ours, who notices whatever is wrong with them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.end_to_end.programs import Cluster

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_REFUSED = "Failed to load resource: the server responded with a status of "
_PATIENCE_MS = 30_000
_RULES = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The system's, or the one that Playwright has installed; skips the test where there is neither."""
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = next(filter(None, map(shutil.which, _NAMES)), own if Path(own).exists() else None)
        if found is None:
            pytest.skip("no Chromium is installed: apt install chromium, or playwright install chromium")
        flags = ["--no-sandbox"] if os.getuid() == 0 else []
        with playwright.chromium.launch(executable_path=found, args=flags) as browser:
            yield browser


class Visitor:
    """Opens pages of the site at `base`. What a console said, and whom a page asked, is held against it at the end.

    `may_refuse` are statuses that the coordinator may answer with: the console names them as errors.
    """

    def __init__(self, browser: Browser, base: str) -> None:
        self.base = base
        self.may_refuse: set[int] = set()
        self.may_be_offline = False
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._said: list[str] = []
        self._asked: set[str] = set()

    def page(self, path: str = "/", **options: Any) -> Page:
        """A page of its own session. `options` are Playwright's of a context."""
        options = {"viewport": {"width": 1280, "height": 800}, **options}
        context = self._browser.new_context(base_url=self.base, **options)
        self._contexts.append(context)
        context.set_default_timeout(_PATIENCE_MS)
        context.on("request", lambda request: self._asked.add(request.url))
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._said.append(str(error)))
        page.goto(path)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._said.append(f"{message.text} {message.location.get('url', '')}")

    def leave(self) -> None:
        """Fails if anything was wrong."""
        for context in self._contexts:
            context.close()
        said = [line for line in self._said if not self._is_expected(line)]
        assert not said, said
        ours = urlsplit(self.base).netloc
        assert {urlsplit(url).netloc for url in self._asked if not url.startswith(("blob:", "data:"))} <= {ours}

    def _is_expected(self, line: str) -> bool:
        if self.may_be_offline and "net::ERR_" in line:
            return True
        if not line.startswith(_REFUSED):
            return False
        return int(line.removeprefix(_REFUSED).split()[0]) in self.may_refuse


def accessible(page: Page) -> None:
    """Nothing that axe-core holds against it, from its top, where what sticks there hides nothing."""
    page.evaluate("scrollTo(0, 0)")
    found = Axe().run(page, options=_RULES)
    assert found.violations_count == 0, found.generate_report()


def opened(visitor: Visitor, film: Path, **options: object) -> Page:
    """A new job, with the film there and its first pictures shown."""
    page = visitor.page("/", **options)
    page.locator("#file").set_input_files(film)
    settled(page)
    return page


def settled(page: Page) -> tuple[str, str]:
    """Wait until the newest pictures are shown; their addresses, of which each is another picture's."""
    expect(page.locator(".compare:not(.loading):not(.empty)")).to_be_visible()
    before, after = page.locator(".compare img").all()
    return str(before.get_attribute("src")), str(after.get_attribute("src"))


def started(page: Page) -> str:
    """The job's number."""
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/jobs/*")
    return page.url.rpartition("/")[2]


def sent(site: Cluster, film: Path, *words: object) -> str:
    """The number of a job that goes on without whoever sent it."""
    program = site.sending(film, "out.mp4", "--detach", *words)
    assert program.wait() == 0, program.said
    return re.findall(r"\b[0-9a-f]{16}\b", program.said)[0]


def state(page: Page, words: str) -> None:
    expect(page.locator("#state")).to_have_text(words)
