"""Pages for people, and what these load: hand-written HTML, style sheets and modules, as they lie in `static/`.

A page is a body put into a frame. What it loads has an address with the SHA-256 of all of it, so that browsers keep it
for a year and still never mix two versions. A page names every module that it comes to need, so they are fetched at
once and not one after the other as their imports are found.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import mimetypes
import re
from importlib import resources
from string import Template
from typing import NamedTuple

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

_FOR_EVER = "public, max-age=31536000, immutable"
_IMPORT = re.compile(r'^(?:import|export)\b[^;]*?\bfrom "\./([\w-]+\.js)"', re.MULTILINE)
_WORTH_PACKING = 1024


class _Page(NamedTuple):
    path: str
    name: str
    title: str


_PAGES = (
    _Page("/", "submit", "New job"),
    _Page("/jobs/{job_id}", "job", "Job"),
    _Page("/workers", "workers", "Workers"),
    _Page("/history", "history", "Jobs"),
)


class _Asset(NamedTuple):
    """A file as it is sent, plain and packed."""

    content: bytes
    packed: bytes
    type: str

    def answer(self, request: Request, caching: str) -> Response:
        headers = {"cache-control": caching, "vary": "accept-encoding"}
        if len(self.packed) < len(self.content) and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, headers={**headers, "content-encoding": "gzip"}, media_type=self.type)
        return Response(self.content, headers=headers, media_type=self.type)


class Site:
    """All pages and what they load, in memory. `address` is where that lies: it changes with any of its bytes.

    `worker_options` are what a worker needs beside `--host` to come here.
    """

    def __init__(self, worker_options: str) -> None:
        self._worker_options = html.escape(worker_options)
        folder = resources.files("vidproc.web") / "static"
        self._texts = {each.name: each.read_text("utf-8") for each in folder.iterdir() if each.is_file()}
        whole = "\0".join(f"{name}\0{self._texts[name]}" for name in sorted(self._texts))
        self.version = hashlib.sha256(whole.encode()).hexdigest()[:16]
        self.address = f"/static/{self.version}"
        self.assets = {name: _asset(name, text) for name, text in self._texts.items() if not name.endswith(".html")}

    def page(self, name: str, title: str) -> _Asset:
        """The body of that name within the frame."""
        preloads = [f'<link rel="modulepreload" href="{self.address}/{each}">' for each in self.modules(f"{name}.js")]
        frame = Template(self._texts["frame.html"])
        text = frame.substitute(
            title=title,
            name=name,
            static=self.address,
            preloads="\n".join(preloads),
            worker_options=self._worker_options,
            body=self._texts[f"{name}.html"],
        )
        here = f'<a class="nav-{name}"'
        return _asset(f"{name}.html", text.replace(here, f'{here} aria-current="page"'))

    def modules(self, name: str) -> list[str]:
        """The module of that name and all that it imports, each once."""
        found = [name]
        for each in found:  # grows on the way
            found += [more for more in _IMPORT.findall(self._texts[each]) if more not in found]
        return found


def _asset(name: str, text: str) -> _Asset:
    kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "text/plain"
    content = text.encode()
    packed = gzip.compress(content, mtime=0) if len(content) > _WORTH_PACKING else content
    return _Asset(content, packed, kind)


def router(worker_options: str) -> APIRouter:
    site = Site(worker_options)
    made = APIRouter(include_in_schema=False)
    for page in _PAGES:
        _add_page(made, page.path, site.page(page.name, page.title))

    @made.get("/static/{version}/{name}")
    async def asset(request: Request, version: str, name: str) -> Response:
        if version != site.version or name not in site.assets:
            raise HTTPException(404)
        return site.assets[name].answer(request, _FOR_EVER)

    return made


def _add_page(router: APIRouter, path: str, page: _Asset) -> None:
    @router.api_route(path, methods=["GET", "HEAD"], response_class=HTMLResponse)
    async def show(request: Request) -> Response:
        return page.answer(request, "no-cache")
