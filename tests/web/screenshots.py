"""`make screenshots`: pictures of the pages for the documentation, with a film that is made, in both themes and as a
phone shows them."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.programs import Cluster, cluster
from tests.web.browsing import chromium, sent, state
from vidproc import scratch
from vidproc.media.sample import make_sample

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
_WINDOWS = {"": {"width": 1280, "height": 860}, "-phone": {"width": 375, "height": 780}}
_COLOURS = 256
_SETTLED_MS = 700
_PATIENCE_MS = 300_000

Scene = Callable[[Page, Cluster, Path], None]
"""What is done on a page before its picture is taken."""


def submit(page: Page, _: Cluster, film: Path) -> None:
    page.goto("/")
    page.locator("#file").set_input_files(film)
    for name in ("denoise", "adjust"):
        page.get_by_label("Add a filter").select_option(name)
    page.locator("[data-name=saturation] input[type=number]").fill("0.2")
    page.locator("[data-name=contrast] input[type=number]").fill("1.6")
    expect(page.locator(".compare:not(.loading):not(.empty)")).to_be_visible()


def running(page: Page, site: Cluster, film: Path) -> None:
    job = sent(site, film, "--filter", "blur:kind=bilateral", "--filter", "edges:kind=sobel,scale=4")
    page.goto(f"/jobs/{job}")
    expect(page.locator("#map-text")).to_contain_text(" done, ")
    expect(page.locator(".compare:not(.loading):not(.empty)")).to_be_visible()


def done(page: Page, site: Cluster, film: Path) -> None:
    page.goto(f"/jobs/{sent(site, film, '--filter', 'edges:kind=sobel,scale=4')}")
    state(page, "done")
    expect(page.locator(".compare:not(.loading):not(.empty)")).to_be_visible()


def workers(page: Page, site: Cluster, film: Path) -> None:
    page.goto("/workers")
    expect(page.locator("#workers tr")).to_have_count(3)


def history(page: Page, site: Cluster, film: Path) -> None:
    page.goto("/history")
    expect(page.locator("#jobs tr").first).to_be_visible()


SCENES: dict[str, Scene] = {"submit": submit, "job": running, "result": done, "workers": workers, "history": history}


@contextmanager
def stage() -> Iterator[tuple[Cluster, Path]]:
    """A cluster with three daemons, and the film `coast.mp4`."""
    with scratch.folder() as folder, cluster(folder / "cluster", "--preview-port", 0) as site:
        for name in ("ada", "grace", "hedy"):
            site.add_worker(1, "--name", name)
        film = folder / "coast.mp4"
        make_sample(film, seconds=12, width=960, height=540)
        for name in ("blur", "edges", "invert", "sharpen", "flip", "equalize"):
            sent(site, film, "--filter", name)
        yield site, film


def taken(page: Page, path: Path) -> None:
    """What the window shows, in few colours, which is a third of the bytes."""
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.wait_for_timeout(_SETTLED_MS)  # for pictures that fade and bars that move
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(_COLOURS, Image.Quantize.MEDIANCUT).save(path, optimize=True)
    print(f"{path.relative_to(FOLDER.parents[1])}: {path.stat().st_size / 1000:.0f} KB")


def main(wanted: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with stage() as (site, film), chromium() as browser:
        expect.set_options(timeout=_PATIENCE_MS)
        for name in wanted or SCENES:
            for theme in ("light", "dark"):
                _scene(browser, site, film, name, theme)


def _scene(browser: Browser, site: Cluster, film: Path, name: str, theme: str) -> None:
    context = browser.new_context(base_url=site.pages[0], color_scheme=theme, reduced_motion="reduce")
    page = context.new_page()
    page.set_viewport_size(_WINDOWS[""])
    SCENES[name](page, site, film)
    for window, size in _WINDOWS.items():
        page.set_viewport_size(size)
        taken(page, FOLDER / f"{name}-{theme}{window}.png")
    context.close()


if __name__ == "__main__":
    main(sys.argv[1:])
