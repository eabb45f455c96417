"""What people do with films and jobs, and what they are told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, until
from tests.web.browsing import Visitor, accessible, opened, sent, settled, started, state
from vidproc.media.sample import make_sample

pytestmark = pytest.mark.long

BREAKING = """
def breaking(frame):
    raise ValueError("this film is not for me")
"""

DAZZLED = """
def dazzled(frame):
    if frame.mean() > 109.8:
        raise ValueError("too bright")
    return frame
"""


def brightness(page: Page) -> float:
    """The mean of the picture behind the filters, from 0 to 255."""
    return float(
        page.evaluate(
            """() => {
                const canvas = new OffscreenCanvas(16, 16), pen = canvas.getContext("2d");
                pen.drawImage(document.querySelector(".compare .after"), 0, 0, 16, 16);
                const values = pen.getImageData(0, 0, 16, 16).data.filter((_, at) => at % 4 < 3);
                return values.reduce((sum, each) => sum + each, 0) / values.length;
            }"""
        )
    )


def test_a_knob_that_turns_is_seen_at_once(visitor: Visitor, film: Path) -> None:
    page = opened(visitor, film)
    page.get_by_label("Add a filter").select_option("adjust")
    before, plain = settled(page)
    was = brightness(page)
    page.get_by_role("slider", name="brightness").press("PageUp")
    expect(page.locator(".compare .after")).not_to_have_attribute("src", plain)
    assert settled(page)[0] == before, "the picture from before the filters is another one"
    assert brightness(page) > was + 5
    page.get_by_role("slider", name="Frame").press("ArrowRight")
    expect(page.locator(".compare img").first).not_to_have_attribute("src", before)


@pytest.mark.parametrize(("label", "value"), [("Quality", "900"), ("From, in seconds", "2.46")])
def test_what_is_wrong_in_what_is_folded_away_is_shown(visitor: Visitor, film: Path, label: str, value: str) -> None:
    page = opened(visitor, film)
    page.get_by_label("Add a filter").select_option("invert")
    output = page.locator("#options summary")
    output.click()
    page.get_by_label(label).fill(value)
    output.click()
    expect(page.get_by_label(label)).to_be_hidden()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_label(label)).to_be_focused()


def test_a_job_may_begin_at_the_last_frame(visitor: Visitor, film: Path) -> None:
    page = opened(visitor, film)
    page.get_by_label("Add a filter").select_option("invert")
    page.locator("#options summary").click()
    last = page.get_by_label("From, in seconds").get_attribute("max")
    assert last
    page.get_by_label("From, in seconds").fill(last)
    started(page)
    state(page, "done")
    expect(page.locator("#figures")).to_contain_text("of 1")


def test_what_cannot_be_is_said_before_the_start(visitor: Visitor, film: Path) -> None:
    visitor.may_refuse = {400}
    page = opened(visitor, film)
    page.locator("#options summary").click()
    page.get_by_label("Codec").select_option("h264")
    page.get_by_label("Container").select_option("webm")
    expect(page.get_by_role("alert")).to_contain_text("webm")
    page.get_by_label("Container").select_option("mkv")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.get_by_label("Add a filter").select_option("overlay")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("[data-name=file] input")).to_be_focused()


def test_a_filter_is_given_its_file(visitor: Visitor, film: Path, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "white").save(tmp_path / "logo.png")
    page = opened(visitor, film)
    was, (_, plain) = brightness(page), settled(page)
    page.get_by_label("Add a filter").select_option("overlay")
    page.locator("[data-name=file] input").set_input_files(tmp_path / "logo.png")
    expect(page.locator(".compare .after")).not_to_have_attribute("src", plain)
    settled(page)
    assert brightness(page) > was + 1
    page.reload()
    settled(page)
    started(page)
    state(page, "done")


@pytest.mark.parametrize("size", [(1280, 800), (375, 700)])
def test_a_file_that_is_wanted_is_asked_for_where_it_is_seen(
    visitor: Visitor, film: Path, size: tuple[int, int]
) -> None:
    page = opened(visitor, film, viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    page.get_by_label("Add a filter").select_option("overlay")
    page.get_by_role("button", name="Start", exact=True).click()
    wanted = page.locator("[data-name=file] input")
    expect(wanted).to_be_focused()
    assert wanted.evaluate("""(it) => {
        const { left, top, height } = it.getBoundingClientRect();
        return document.elementFromPoint(left + 9, top + height / 2) === it;
    }""")


def test_the_divider_moves_by_keys(visitor: Visitor, film: Path) -> None:
    page = opened(visitor, film)
    split = "getComputedStyle(document.querySelector('.compare')).getPropertyValue('--split')"
    assert page.evaluate(split) == "50%"
    page.get_by_role("slider", name="Divider").press("ArrowRight")
    assert page.evaluate(split) == "51%"


def test_filters_change_places(visitor: Visitor, http: httpx.Client, film: Path) -> None:
    page = opened(visitor, film)
    for name in ("invert", "flip", "grayscale"):
        page.get_by_label("Add a filter").select_option(name)
    page.get_by_role("button", name=re.compile("^Move grayscale")).press("ArrowUp")
    expect(page.get_by_role("button", name=re.compile("^Move grayscale"))).to_be_focused()
    expect(page.locator("#said")).to_have_text("grayscale is now number 2 of 3")
    handle, onto = page.get_by_role("button", name=re.compile("^Move flip")), page.locator(".filter").first
    handle.hover()
    page.mouse.down()
    box = onto.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 9, box["y"] + 5, steps=8)
    page.mouse.up()
    job = started(page)
    assert http.get(f"/api/v1/jobs/{job}").json()["filters"] == ["flip", "invert", "grayscale"]
    state(page, "done")


def test_a_reload_loses_nothing_of_what_was_put_together(visitor: Visitor, film: Path) -> None:
    page = opened(visitor, film)
    page.get_by_label("Add a filter").select_option("blur")
    page.get_by_label("kind").select_option("median")
    settled(page)
    page.reload()
    settled(page)
    expect(page.get_by_label("kind")).to_have_value("median")
    expect(page.locator("#facts")).to_contain_text("60 frames")


def test_a_job_is_watched_while_it_goes_on(visitor: Visitor, site: Cluster, film: Path, gate: Gate) -> None:
    job = sent(site, film, "--filter", gate.filter)
    page = visitor.page(f"/jobs/{job}")
    gate.reached(2)
    state(page, "running")
    expect(page.locator("#map-text")).to_contain_text("5 chunks: 2 done")
    settled(page)
    page.reload()
    expect(page.locator("#map-text")).to_contain_text("5 chunks: 2 done")
    page.locator("#map").press("ArrowRight")
    expect(page.locator("#map-said")).to_contain_text("Chunk 0")
    accessible(page)
    gate.open()
    state(page, "done")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    accessible(page)


def test_a_job_is_stopped(visitor: Visitor, site: Cluster, film: Path, gate: Gate) -> None:
    visitor.may_refuse = {404}  # its newest frame, if that is asked for at this moment
    page = visitor.page(f"/jobs/{sent(site, film, '--filter', gate.filter)}")
    gate.reached(1)
    page.get_by_role("button", name="Cancel").click()
    accessible(page)
    page.get_by_role("button", name="Leave it").click()
    state(page, "running")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Stop it").click()
    state(page, "cancelled")


def test_a_job_is_run_again_and_with_changes(visitor: Visitor, site: Cluster, film: Path) -> None:
    first = sent(site, film, "--filter", "blur:kind=median,ksize=9")
    page = visitor.page(f"/jobs/{first}")
    state(page, "done")
    page.get_by_role("button", name="Run again").click()
    page.wait_for_url(lambda url: not url.endswith(first))
    state(page, "done")
    page.get_by_role("link", name="Change and run").click()
    settled(page)
    expect(page.get_by_label("kind")).to_have_value("median")
    expect(page.locator("[data-name=ksize] input[type=number]")).to_have_value("9")


def test_a_job_that_fails_says_why(visitor: Visitor, site: Cluster, film: Path, tmp_path: Path) -> None:
    (tmp_path / "breaking.py").write_text(BREAKING)
    job = sent(site, film, "--filter", tmp_path / "breaking.py", "--on-error", "fail")
    page = visitor.page(f"/jobs/{job}")
    state(page, "failed")
    expect(page.locator("#failure")).to_contain_text("this film is not for me")
    accessible(page)


def test_a_job_that_failed_leaves_no_gap_for_pictures(visitor: Visitor, http: httpx.Client, film: Path) -> None:
    asked = {"filters": [{"name": "custom", "code": "def f(frame):\n    raise ValueError", "function": "f"}]}
    form = {"job": (None, json.dumps(asked)), "film": film.read_bytes()}
    job = http.post("/api/v1/jobs", files=form).json()["id"]
    page = visitor.page("/history")
    until(lambda: http.get(f"/api/v1/jobs/{job}").json()["state"] == "failed", "it to fail")
    page.goto(f"/jobs/{job}")  # where all chunks came, and so a newest frame
    state(page, "failed")
    log, head = page.locator("#log-card").bounding_box(), page.locator("#map-card").bounding_box()
    assert log is not None
    assert head is not None
    assert log["x"] == head["x"]


def test_frames_that_fell_back_are_told_of(visitor: Visitor, site: Cluster, film: Path, tmp_path: Path) -> None:
    """Of this film two frames alone are so bright."""
    (tmp_path / "dazzled.py").write_text(DAZZLED)
    page = visitor.page(f"/jobs/{sent(site, film, '--filter', tmp_path / 'dazzled.py')}")
    expect(page.locator("#log li").first).to_contain_text("too bright")
    state(page, "done")
    expect(page.locator("#fallbacks")).to_contain_text("2 frames could not be filtered. Frame 53: ")
    page.reload()
    expect(page.locator("#fallbacks")).to_contain_text("2 frames could not be filtered")
    expect(page.locator("#log li").first).to_contain_text("too bright")


def test_a_job_is_removed(visitor: Visitor, site: Cluster, http: httpx.Client, film: Path) -> None:
    job = sent(site, film, "--filter", "rotate")
    page = visitor.page(f"/jobs/{job}")
    state(page, "done")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    page.wait_for_url("**/history")
    until(lambda: http.get(f"/api/v1/jobs/{job}").status_code == 404, "the job to be forgotten")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_put_a_job_together(visitor: Visitor, film: Path, theme: str) -> None:
    page = opened(visitor, film, color_scheme=theme, reduced_motion="reduce", viewport={"width": 375, "height": 800})
    for name in ("blur", "edges", "text", "overlay"):
        page.get_by_label("Add a filter").select_option(name)
    page.locator("#options summary").click()
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_jobs_are_found_again(visitor: Visitor, site: Cluster, film: Path) -> None:
    jobs = [sent(site, film, "--filter", name) for name in ("sharpen", "equalize")]
    page = visitor.page("/history")
    rows = page.locator("#jobs tr")
    page.get_by_role("searchbox").fill("sharpen")
    expect(rows).to_have_count(1)
    expect(rows.get_by_role("link")).to_have_attribute("href", f"/jobs/{jobs[0]}")
    expect(rows).to_contain_text("done")
    page.get_by_role("combobox", name="State").select_option("failed")
    page.get_by_role("searchbox").fill("sharpen")
    expect(page.locator("#none")).to_contain_text("No job is like that")


def short_history(visitor: Visitor) -> Page:
    """The history, whose jobs come by twos."""
    page = visitor.page("/workers")
    page.route("**/api/v1/jobs?*", lambda route: route.continue_(url=route.request.url.replace("limit=50", "limit=2")))
    page.goto("/history")
    return page


def test_jobs_that_were_not_looked_at_are_not_said_to_be_none(visitor: Visitor, site: Cluster, film: Path) -> None:
    for name in ("grayscale", "invert", "flip"):
        sent(site, film, "--filter", name)
    page = short_history(visitor)
    expect(page.locator("#jobs tr")).to_have_count(2)
    page.get_by_role("searchbox").fill("grayscale")
    expect(page.locator("#none")).to_contain_text("None of the newest 2 jobs is like that")
    page.get_by_role("button", name="Older ones").click()
    expect(page.locator("#jobs tr")).to_have_count(1)


def test_jobs_come_by_pages_and_are_run_again_from_there(visitor: Visitor, site: Cluster, film: Path) -> None:
    for name in ("threshold", "threshold:kind=otsu", "threshold:kind=adaptive"):
        sent(site, film, "--filter", name)
    page = short_history(visitor)
    rows = page.locator("#jobs tr")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Older ones").click()
    expect(rows).to_have_count(4)
    expect(page.locator(".chart a").first).to_be_visible()
    rows.nth(2).get_by_role("button", name="again").click()
    page.wait_for_url("**/jobs/*")
    expect(page.locator("#asked")).to_contain_text("threshold")
    state(page, "done")


def test_a_result_is_played_from_any_place(visitor: Visitor, film: Path) -> None:
    page = opened(visitor, film)
    page.get_by_label("Add a filter").select_option("flip")
    page.locator("#options summary").click()
    page.get_by_label("Container").select_option("webm")  # whose codecs every Chromium has
    started(page)
    state(page, "done")
    video = page.locator("video")
    until(lambda: video.evaluate("it => it.duration > 1"), "the film to open")
    video.evaluate("it => { it.currentTime = 1.5; }")
    until(lambda: video.evaluate("it => it.readyState >= 2 && !it.seeking && it.currentTime === 1.5"), "a place in it")
    page.get_by_role("slider", name="Frame").press("Home")
    expect(page.locator("main")).to_contain_text("Frame 0")


def test_a_result_that_a_browser_cannot_play_is_said_to_be(visitor: Visitor, tmp_path: Path) -> None:
    """H.265 is what some Chromiums play, and others only the sound beside it."""
    make_sample(tmp_path / "sounding.mp4", seconds=1, width=160, height=90)
    page = opened(visitor, tmp_path / "sounding.mp4")
    page.get_by_label("Add a filter").select_option("flip")
    page.locator("#options summary").click()
    page.get_by_label("Codec").select_option("h265")
    started(page)
    state(page, "done")
    seen = "it => it.textContent.includes(\"can't play it\") || it.querySelector('video')?.videoWidth > 0"
    until(lambda: page.locator("#player").evaluate(seen), "the picture, or a word about it")
