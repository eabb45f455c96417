"""What tests ask for over HTTP, again and again."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.programs import Cluster, until

UPLOADS = "/api/v1/uploads"
TUS = {"tus-resumable": "1.0.0"}
OCTETS = {"content-type": "application/offset+octet-stream"}
FINAL = ("done", "failed", "cancelled")


def client(site: Cluster) -> httpx.Client:
    """To be closed."""
    return httpx.Client(base_url=site.pages[0], timeout=30, trust_env=False)


def metadata(name: str) -> str:
    return f"filename {base64.b64encode(name.encode()).decode()},filetype dmlkZW8="


def begun(http: httpx.Client, size: int, name: str = "film.mp4") -> str:
    """Where an upload is that has begun."""
    answer = http.post(UPLOADS, headers={**TUS, "upload-length": str(size), "upload-metadata": metadata(name)})
    assert (answer.status_code, answer.headers["tus-resumable"]) == (201, "1.0.0"), answer.text
    return str(answer.headers["location"])


def patched(http: httpx.Client, where: str, offset: int, data: Any, **more: str) -> httpx.Response:
    """More of it."""
    headers = {**TUS, "upload-offset": str(offset), **OCTETS, **more}
    return http.patch(where, content=data, headers=headers)


def uploaded(http: httpx.Client, film: Path) -> str:
    """The id of an upload that is whole."""
    return uploaded_bytes(http, film.read_bytes(), film.name)


def uploaded_bytes(http: httpx.Client, data: bytes, name: str = "film.mp4") -> str:
    where = begun(http, len(data), name)
    assert patched(http, where, 0, data).status_code == 204
    return where.rpartition("/")[2]


def ended(http: httpx.Client, job_id: str) -> dict[str, Any]:
    """A job's details when it has ended."""

    def details() -> Any:
        shown = http.get(f"/api/v1/jobs/{job_id}").json()
        return shown if shown["state"] in FINAL else None

    found: dict[str, Any] = until(details, f"job {job_id} to end")
    return found


def made(http: httpx.Client, film: Path, *names: str, **more: Any) -> dict[str, Any]:
    """A job, on a film with these filters, that is done."""
    asked = {"source": uploaded(http, film), "filters": [{"name": name} for name in names], **more}
    answer = http.post("/api/v1/jobs", json=asked)
    assert answer.status_code == 201, answer.text
    found = ended(http, answer.json()["id"])
    assert found["state"] == "done", found
    return found
