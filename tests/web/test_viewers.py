"""Those who watch moving pictures: many of them, slow ones, and ones that do not read."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.end_to_end.programs import Cluster, cluster, until
from tests.media import clips
from tests.web.asking import client

MOST = 64


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Who takes nothing for five seconds is cut off; one job has ended, of large frames."""
    folder = tmp_path_factory.mktemp("impatient")
    clips.write(folder / "film.mp4", clips.Film(options=clips.X264, count=40, size=(640, 480)))
    environment = {**os.environ, "VIDPROC_COORDINATOR_SEND_TIMEOUT": "5s"}
    with cluster(folder, "--preview-port", 0, env=environment) as made:
        made.add_worker(1)
        assert made.send(folder / "film.mp4", folder / "out.mp4", "--processing", "invert").code == 0
        yield made


@contextlib.contextmanager
def viewer(site: Cluster) -> Iterator[socket.socket]:
    """One that has asked, and has read no more than that it is served."""
    at = urlsplit(site.pages[0])
    with socket.socket(socket.AF_INET6 if ":" in str(at.hostname) else socket.AF_INET) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.settimeout(30)
        made.connect((at.hostname, at.port))
        made.sendall(b"GET /preview.mjpeg?width=640 HTTP/1.1\r\nhost: localhost\r\n\r\n")
        yield made


def status(made: socket.socket) -> bytes:
    return made.recv(12)[-3:]


def test_viewers_who_do_not_read_are_cut_off_and_make_room(impatient: Cluster) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(MOST):
            assert status(stack.enter_context(viewer(impatient))) == b"200"
        with client(impatient) as http:
            refused = http.get("/preview.mjpeg")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert f"{MOST} watch already" in refused.json()["detail"]
            assert http.get("/frame/3").status_code == 200  # all others are served meanwhile

            def admitted() -> bool:
                with http.stream("GET", "/preview.mjpeg") as answer:
                    return answer.status_code == 200

            until(admitted, "a viewer to be cut off")


def test_a_slow_viewer_sees_whole_pictures(impatient: Cluster) -> None:
    seen = b""
    asked = f"{impatient.pages[0]}/preview.mjpeg?width=640"
    with httpx.stream("GET", asked, trust_env=False) as answer:
        for few in answer.iter_bytes(2048):
            seen += few
            if seen.count(b"--vidproc-frame") > 3:
                break
    for part in seen.split(b"--vidproc-frame")[1:4]:
        head, _, body = part.partition(b"\r\n\r\n")
        assert b"content-length: %d" % (len(body) - 2) in head
        assert (body[:2], body[-4:]) == (b"\xff\xd8", b"\xff\xd9\r\n")
