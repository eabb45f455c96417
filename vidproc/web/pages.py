"""Pages for people, and what these load: hand-written HTML, style sheets and modules, as they lie in `static/`.

A page is a body put into a frame. What it loads has an address with the SHA-256 of all of it, so that browsers keep it
for a year and still never mix two versions. A page names every module that it comes to need, so they are fetched at
once and not one after the other as their imports are found.

Who asks as a browser does for an address where nothing is gets a page as well, but for those of the API, which are
programs' and have problem details.
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

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from vidproc.web import problems

_FOR_EVER = "public, max-age=31536000, immutable"
_IMPORT = re.compile(r'^(?:import|export)\b[^;]*?"\./([\w-]+\.js)"', re.MULTILINE)
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

    def answer(self, request: Request, caching: str, status: int = 200) -> Response:
        headers = {"cache-control": caching, "vary": "accept-encoding"}
        if len(self.packed) < len(self.content) and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, status, {**headers, "content-encoding": "gzip"}, self.type)
        return Response(self.content, status, headers, self.type)


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


def install(app: FastAPI, api: str, worker_options: str) -> None:
    """All of them. `api` is where the addresses of programs begin; `worker_options` let a worker find its way here."""
    site = Site(worker_options)
    app.include_router(_router(site))
    nowhere = site.page("nowhere", "Nothing here")

    async def of_nowhere(request: Request, error: Exception) -> Response:
        wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(f"{api}/")
        return nowhere.answer(request, "no-cache", 404) if wants_page else await problems.of_http(request, error)

    app.add_exception_handler(404, of_nowhere)


def _router(site: Site) -> APIRouter:
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
