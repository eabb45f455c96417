"""A coordinator that stops while answers are under way that do not end."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, cluster, until
from tests.web.asking import OCTETS, TUS, begun, client
from tests.web.raw import connected, request

_FORM = b'--x\r\nContent-Disposition: form-data; name="film"; filename="a.mp4"\r\n\r\nsome of it'


def _stops_in_silence(site: Cluster) -> None:
    assert site.coordinator.stop() == 0
    assert "Traceback" not in site.coordinator.said
    assert '"level": "error"' not in site.coordinator.said


def test_who_watches_is_cut_off(tmp_path: Path, film: Path) -> None:
    gate = Gate(tmp_path)
    with cluster(tmp_path, "--preview-port", 0) as site, contextlib.ExitStack() as watching:
        site.add_worker(1, "--allow-custom")
        assert site.send(film, "out.mp4", "--detach", "--filter", gate.filter).code == 0
        gate.reached(1)
        with client(site) as http:
            job = http.get("/api/v1/jobs").json()["jobs"][0]["id"]
        for path in ("/api/v1/events", f"/api/v1/jobs/{job}/events", f"/preview.mjpeg?job={job}"):
            sock = watching.enter_context(connected(site))
            sock.sendall(request("GET", path))
            assert sock.recv(12) == b"HTTP/1.1 200"
        gate.open()
        _stops_in_silence(site)


def test_of_what_is_being_sent_what_came_is_kept(tmp_path: Path) -> None:
    with cluster(tmp_path, "--preview-port", 0) as site, connected(site) as by_tus, connected(site) as by_form:
        with client(site) as http:
            where = begun(http, 5000)
        file = site.data / "incoming" / where.rpartition("/")[2]
        by_tus.sendall(request("PATCH", where, **TUS, **OCTETS, upload_offset="0", content_length="5000"))
        by_tus.sendall(b"some of it")
        form = request("POST", "/api/v1/jobs", content_type="multipart/form-data; boundary=x", content_length="5000")
        by_form.sendall(form + _FORM)
        until(lambda: len(list(file.parent.glob("*.json"))) == 2, "the form's film to begin")
        _stops_in_silence(site)
        assert file.read_bytes() == b"some of it"
        assert sorted(file.parent.iterdir()) == [file, file.with_suffix(".json")]
