"""What dies, breaks off or is hostile while somebody looks on."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, cluster
from tests.web.browsing import Visitor, opened, sent, started, state

pytestmark = pytest.mark.long


@pytest.fixture
def frail(tmp_path: Path) -> Iterator[Cluster]:
    """One that a test may strike, of which all may die; its daemons are `ada` and `grace`."""
    with cluster(tmp_path / "frail", "--preview-port", 0) as made:
        made.add_worker(1, "--name", "ada", "--allow-custom")
        made.add_worker(1, "--name", "grace", "--allow-custom")
        yield made


@pytest.fixture
def looker(browser: Browser, frail: Cluster) -> Iterator[Visitor]:
    """Of the cluster `frail`."""
    made = Visitor(browser, frail.pages[0])
    yield made
    made.leave()


def test_a_daemon_that_dies_is_told_of_whoever_looks_when(
    looker: Visitor, frail: Cluster, film: Path, gate: Gate
) -> None:
    looker.may_be_offline = True
    job = sent(frail, film, "--filter", gate.filter)
    workers, page = looker.page("/workers"), looker.page(f"/jobs/{job}")
    gate.reached(2)
    expect(workers.locator("#workers tr")).to_have_count(2)
    ada = next(each for each in frail.programs if "ada" in each.command)
    ada.kill()
    expect(workers.locator("#workers tr")).to_have_count(1)
    expect(page.locator("#log")).to_contain_text("lost on ada")
    gate.open()
    state(page, "done")
    expect(page.locator("#workers")).to_contain_text("grace")
    told = page.locator("#log").inner_text()
    frail.coordinator.kill()
    restarted(frail)
    page.reload()
    expect(page.locator("#map-text")).to_have_text("5 chunks: 5 done.")
    expect(page.locator("#log")).to_have_text(told.replace("\n", ""))


def restarted(frail: Cluster) -> None:
    """A coordinator in the place of one that is dead."""
    frail.start_coordinator("--preview-port", frail.pages[0].rpartition(":")[2], port=frail.port)


def test_a_coordinator_that_is_gone_is_said_to_be_and_comes_back(
    looker: Visitor, frail: Cluster, film: Path, gate: Gate
) -> None:
    looker.may_be_offline = True
    job = sent(frail, film, "--filter", gate.filter)
    pages = [looker.page(path) for path in ("/workers", f"/jobs/{job}", "/")]
    gate.reached(2)
    state(pages[1], "running")
    frail.coordinator.kill()
    for page in pages:
        expect(page.locator("#connection")).to_contain_text("does not answer")
    restarted(frail)
    for page in pages:
        expect(page.locator("#connection")).to_be_empty()
    gate.open()
    state(pages[1], "done")
    expect(pages[0].locator("#workers tr")).to_have_count(2)


def test_a_daemon_is_sent_home(looker: Visitor, frail: Cluster) -> None:
    page = looker.page("/workers")
    page.get_by_role("button", name="Drain ada").click()
    page.get_by_role("button", name="Drain it").click()
    expect(page.locator("#workers tr")).to_have_count(1)
    assert next(each for each in frail.programs if "ada" in each.command).wait() == 0
    next(each for each in frail.programs if "grace" in each.command).signal(signal.SIGTERM)
    expect(page.locator("#none")).to_contain_text("No worker is connected")


@pytest.fixture
def large(film: Path, tmp_path: Path) -> Path:
    """The same film with 6 MiB behind it that no player reads: so it is sent in several pieces."""
    size = 6 << 20
    made = tmp_path / "large.mp4"
    made.write_bytes(film.read_bytes() + (8 + size).to_bytes(4, "big") + b"free" + bytes(size))
    return made


class Line:
    """Between a page and the coordinator: lets the first pieces of an upload through. Others break, or wait until it is
    mended if it `holds` them."""

    def __init__(self, page: Page, pieces: int, holds: bool = False) -> None:
        self.offsets: list[int] = []
        self._held: list[Route] = []
        self._pieces = pieces
        self._holds = holds
        page.route("**/api/v1/uploads/*", self._carry)

    def _carry(self, route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
        elif len(self.offsets) < self._pieces:
            self.offsets.append(int(route.request.headers["upload-offset"]))
            route.continue_()
        elif self._holds:
            self._held.append(route)
        else:
            route.abort()

    def mend(self) -> None:
        """From now on all goes through."""
        self._pieces = sys.maxsize
        for route in self._held:
            route.continue_()


def broken(visitor: Visitor, film: Path, pieces: int) -> tuple[Page, Line]:
    """A page that waits with an upload of which so many pieces came."""
    visitor.may_be_offline = True
    page = visitor.page("/")
    line = Line(page, pieces)
    page.locator("#file").set_input_files(film)
    expect(page.locator("#upload-text")).to_contain_text("waiting for the coordinator")
    return page, line


def test_an_upload_goes_on_where_it_broke_off(visitor: Visitor, large: Path) -> None:
    page, first = broken(visitor, large, 2)
    page.unroute_all()
    page.reload()
    second = Line(page, sys.maxsize)
    page.locator("#file").set_input_files(large)
    expect(page.locator("#studio")).to_be_visible()
    assert first.offsets[0] == 0
    assert second.offsets[0] > first.offsets[1] > 0


def test_a_line_that_breaks_for_a_moment_is_waited_for(visitor: Visitor, large: Path) -> None:
    page, line = broken(visitor, large, 1)
    line.mend()
    expect(page.locator("#studio")).to_be_visible()


@pytest.mark.parametrize("offline", [False, True])
def test_an_upload_is_stopped(visitor: Visitor, large: Path, offline: bool) -> None:
    page, _ = broken(visitor, large, 1)
    page.context.set_offline(offline)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#drop")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage)") == []


@pytest.mark.parametrize("stops", [False, True])
def test_of_two_pages_that_send_a_film_one_waits_for_the_other(visitor: Visitor, large: Path, stops: bool) -> None:
    visitor.may_refuse = {409}
    one = visitor.page("/")
    other = one.context.new_page()
    other.goto("/")
    lines = [Line(each, 1, holds=True) for each in (one, other)]
    for page in (one, other):
        page.locator("#file").set_input_files(large)
        expect(page.locator("#upload-text")).to_contain_text("left")
    lines[0].mend()
    expect(one.locator("#upload-text")).to_contain_text("another page sends it")
    if stops:
        one.get_by_role("button", name="Stop").click()
    lines[1].mend()
    expect(one.locator("#drop" if stops else "#studio")).to_be_visible()
    expect(other.locator("#studio")).to_be_visible()


def test_what_is_no_film_is_said_to_be(visitor: Visitor, tmp_path: Path) -> None:
    visitor.may_refuse = {422}
    (tmp_path / "letter.mp4").write_text("Dear reader, " * 100)
    page = visitor.page("/")
    page.locator("#file").set_input_files(tmp_path / "letter.mp4")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#drop")).to_be_visible()


def test_a_name_is_text_and_nothing_else(visitor: Visitor, film: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "<img src=x onerror=alert(1)> & 'quotes' \u202e.mp4"
    hostile.write_bytes(film.read_bytes())
    page = opened(visitor, hostile)
    expect(page.get_by_role("heading", level=1)).to_have_text(hostile.name)
    page.get_by_label("Add a filter").select_option("invert")
    started(page)
    state(page, "done")
    expect(page.get_by_role("heading", level=1)).to_have_text(hostile.name)
    page.goto("/history")
    expect(page.get_by_role("link", name=hostile.name).first).to_be_visible()
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("width", [320, 768, 940, 1280])
def test_a_long_name_leaves_room_for_the_rest(visitor: Visitor, film: Path, tmp_path: Path, width: int) -> None:
    long = tmp_path / f"{'W' * 250}.mp4"
    long.write_bytes(film.read_bytes())
    page = opened(visitor, long, viewport={"width": width, "height": 800})
    page.get_by_label("Add a filter").select_option("invert")
    started(page)
    state(page, "done")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.goto("/history")
    expect(page.get_by_role("link", name=long.name).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("card.scrollWidth <= card.clientWidth")


def test_a_job_whose_name_cannot_be_seen_goes_by_its_number(visitor: Visitor, http: httpx.Client, film: Path) -> None:
    asked = {"job": (None, '{"filters": [{"name": "flip"}], "name": " \\u200b\\u202e"}'), "film": film.read_bytes()}
    job = http.post("/api/v1/jobs", files=asked).json()["id"]
    page = visitor.page(f"/jobs/{job}")
    expect(page.get_by_role("heading", level=1)).to_have_text(job)
    page.goto("/history")
    expect(page.get_by_role("link", name=job, exact=True)).to_be_visible()


def test_who_has_the_token_may_do_everything(browser: Browser, film: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a token that nobody guesses so soon")
    with cluster(tmp_path / "closed", "--preview-port", 0, "--token-file", token) as made:
        made.add_worker(1, "--token-file", token)
        visitor = Visitor(browser, made.pages[0])
        known = {"http_credentials": {"username": "anybody", "password": token.read_text()}}
        page = opened(visitor, film, **known)
        page.get_by_label("Add a filter").select_option("invert")
        started(page)
        state(page, "done")
        expect(page.get_by_role("link", name="Download")).to_be_visible()
        page = visitor.page("/workers", **known)
        expect(page.locator("#workers tr")).to_have_count(1)
        page.get_by_role("button", name="Drain").click()
        page.get_by_role("button", name="Drain it").click()
        expect(page.locator("#none")).to_contain_text(" --port 0 --token-file FILE")  # as the coordinator was told
        visitor.leave()
