"""Each page by itself: that it is whole, light, and there for everybody. And what people come for."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.end_to_end.programs import sha256
from tests.web.browsing import Visitor, accessible, opened, started, state

PAGES = ("/", "/workers", "/history")
_LIGHT = 150_000
_LOADED = "performance.getEntriesByType('resource').map(it => [new URL(it.name).pathname, it.encodedBodySize])"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_use_it(visitor: Visitor, path: str, theme: str) -> None:
    page = visitor.page(path, color_scheme=theme, reduced_motion="reduce")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    accessible(page)


@pytest.mark.parametrize("width", [320, 375])
@pytest.mark.parametrize("path", PAGES)
def test_a_phone_shows_all_of_its_width(visitor: Visitor, path: str, width: int) -> None:
    page = visitor.page(path, viewport={"width": width, "height": 700})
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("path", [*PAGES, "/jobs/0123456789abcdef"])
def test_all_it_loads_is_named_in_it_and_light(visitor: Visitor, http: httpx.Client, path: str) -> None:
    visitor.may_refuse = {404}
    page = visitor.page(path)
    page.wait_for_load_state("load")
    files = {name: size for name, size in page.evaluate(_LOADED) if name.startswith("/static/")}
    text = http.get(path).text
    assert set(files) <= set(re.findall(r'(?:href|src)="(/static/[^"]+)"', text)), "an import was found on the way"
    assert any(name.endswith(".js") for name in files)
    plain = sum(len(http.get(name, headers={"accept-encoding": "identity"}).content) for name in files) + len(text)
    assert plain < _LIGHT
    assert sum(files.values()) < _LIGHT / 3  # as it travels


def test_what_is_loaded_is_kept_for_good(http: httpx.Client) -> None:
    address = re.findall(r'href="(/static/[^"]+\.css)"', http.get("/").text)[0]
    answer = http.get(address)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text == http.get(address, headers={"accept-encoding": "identity"}).text
    assert http.get(re.sub(r"static/\w+", "static/0", address)).status_code == 404
    assert http.get("/").headers["cache-control"] == "no-cache"


def test_a_theme_that_was_chosen_stays(visitor: Visitor) -> None:
    page = visitor.page("/", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Switch between dark and light").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.goto("/workers")
    assert page.evaluate(ground) == dark


def test_the_keyboard_leads_past_the_head(visitor: Visitor) -> None:
    page = visitor.page("/history")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_where_no_page_is_one_says_so(visitor: Visitor, http: httpx.Client) -> None:
    visitor.may_refuse = {404}
    page = visitor.page("/no/such/page")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is here")
    accessible(page)
    page.get_by_role("main").get_by_role("link", name="New job").click()
    page.wait_for_url("**/")
    for path, kind in [("/no/such/page", "*/*"), ("/api/v1/nothing", "text/html")]:
        answer = http.get(path, headers={"accept": kind})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_job_that_is_not_there_is_said_to_be(visitor: Visitor) -> None:
    visitor.may_refuse = {404}
    page = visitor.page("/jobs/0123456789abcdef")
    expect(page.get_by_role("alert")).to_contain_text("no job 0123456789abcdef")
    expect(page.locator("#progress")).to_be_hidden()
    accessible(page)


@pytest.mark.parametrize(("content", "told"), [(b"", "is empty"), (bytes(5000), "is not a video")])
def test_what_is_no_film_is_told_by_its_name(visitor: Visitor, tmp_path: Path, content: bytes, told: str) -> None:
    visitor.may_refuse = {422} if content else set()
    (tmp_path / "holiday.mp4").write_bytes(content)
    page = visitor.page("/")
    page.locator("#file").set_input_files(tmp_path / "holiday.mp4")
    expect(page.get_by_role("alert")).to_contain_text(f"oliday.mp4 {told}")
    expect(page.get_by_text("drop one here")).to_be_visible()


def test_a_film_goes_in_and_comes_out(visitor: Visitor, http: httpx.Client, film: Path, tmp_path: Path) -> None:
    page = opened(visitor, film)
    expect(page.locator("#facts")).to_contain_text("60 frames")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    page.get_by_label("Add a filter").select_option("invert")
    job = started(page)
    state(page, "done")
    expect(page.locator("#asked")).to_contain_text("invert")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download").click()
    coming.value.save_as(tmp_path / "result")
    metrics = http.get(f"/api/v1/jobs/{job}").json()["metrics"]
    assert (sha256(tmp_path / "result"), metrics["frames_out"]) == (metrics["sha256"], 60)
