"""Requests that mean harm, to a whole coordinator: each ends in a clean answer, and others are served meanwhile."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.end_to_end.programs import Cluster, cluster, until
from tests.web.asking import OCTETS, TUS, begun, client
from tests.web.raw import answered, connected, request

pytestmark = pytest.mark.process
JSON = {"content-type": "application/json"}


@contextlib.contextmanager
def others_are_served(site: Cluster, what: str) -> Iterator[None]:
    """While that goes on. How fast is told, and asserted by nobody."""
    done, waits, failed = threading.Event(), list[float](), list[int]()

    def ask() -> None:
        with client(site) as http:
            while not waits or not done.wait(0.02):
                began = time.monotonic()
                status = http.get("/api/v1/workers").status_code
                waits.append(time.monotonic() - began)
                failed.extend([status] * (status != 200))

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: waits, "the first answer")
    try:
        yield
    finally:
        done.set()
        asking.join()
    print(f"measured: {what}: others waited {1e3 * max(waits):.0f} ms at most, of {len(waits)}")
    assert waits
    assert not failed


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A coordinator that lets in whoever comes, as fast as they come."""
    with cluster(tmp_path_factory.mktemp("crowded"), "--preview-port", 0, "--max-connection-rate", 100_000) as made:
        yield made


def test_a_thousand_pages_that_watch(crowded: Cluster) -> None:
    with contextlib.ExitStack() as stack, others_are_served(crowded, "1,000 event streams"):
        lines = [stack.enter_context(connected(crowded)) for _ in range(1000)]
        for line in lines:
            line.sendall(request("GET", "/api/v1/events"))
        statuses = Counter(int(line.recv(12)[9:12]) for line in lines)
    assert statuses == {200: 256, 503: 744}


def test_streams_that_ended_make_room(crowded: Cluster) -> None:
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(connected(crowded)) for _ in range(257)]
        for line in lines:
            line.sendall(request("GET", "/api/v1/events"))
        assert sorted(line.recv(12)[9:12] for line in lines).count(b"503") == 1

    def room() -> bool:
        with client(crowded) as http, http.stream("GET", "/api/v1/events") as answer:
            return answer.status_code == 200

    until(room, "room for one more")


def test_a_body_that_unpacks_to_much_is_not_unpacked(site: Cluster, http: httpx.Client) -> None:
    bomb = gzip.compress(bytes(2**28))
    assert len(bomb) < 2**19
    with others_are_served(site, "a gzip bomb"):
        for path in ("/api/v1/jobs", "/api/v1/uploads"):
            headers = {**JSON, **TUS, "content-encoding": "gzip", "upload-length": "9"}
            answer = http.post(path, content=bomb, headers=headers)
            assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")


def test_bodies_larger_than_they_need_to_be(site: Cluster, http: httpx.Client) -> None:
    with others_are_served(site, "large bodies"):
        for content in (bytes(2**21), (bytes(2**16) for _ in range(100))):
            answer = http.post("/api/v1/jobs", content=content, headers=JSON)
            assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_a_body_with_two_ends(site: Cluster) -> None:
    for path in ("/api/v1/jobs", "/api/v1/uploads"):
        with connected(site) as line:
            more = {"content_length": "5", "transfer_encoding": "chunked"}
            line.sendall(request("POST", path, **more) + b"0\r\n\r\nGET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert answered(line)[0] == 400
            assert line.recv(1) == b"", "what may be another request is none"


@pytest.mark.parametrize(
    "target",
    [
        "/../../etc/passwd", "/static/../../../etc/passwd", "/static/%2e%2e/%2e%2e/schemas.py", "/%00", "//etc/passwd",
        "/static/..%2f..%2fapp.py", "/static//etc/passwd", "/api/v1/jobs/..%2f..%2flock/result", "/api/v1/jobs/%ff%fe",
        "/static/%5c..%5capp.py", "http://localhost/etc/passwd", "/" + "a/" * 5000, "*", "/;/..;/etc/passwd",
        "/api/v1/jobs/" + "%25" * 1000, "/frame/../../etc/passwd", "/frame/1?job=../../etc/passwd",
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere_lead_nowhere(site: Cluster, target: str) -> None:
    with connected(site) as line:
        line.sendall(request("GET", target))
        status, headers, body = answered(line)
    assert status in (400, 404, 422), (status, body)
    assert headers["content-type"] == "application/problem+json"
    assert b"root:" not in body


def test_heads_that_are_too_large(site: Cluster) -> None:
    with others_are_served(site, "large heads"):
        for head in (b"x: " + b"y" * 10**6, b"x: y\r\n" * 10**5):
            with connected(site) as line:
                with contextlib.suppress(ConnectionError):
                    line.sendall(request("GET", "/")[:-2] + head)
                assert answered(line)[0] == 431


@pytest.mark.long
def test_crowds_that_drip_and_stall(crowded: Cluster) -> None:
    """Two hundred each of: nothing at all, half a head, half a body, an upload of which nothing comes."""
    with client(crowded) as http:
        where = begun(http, 1000)
    body = {"content_length": "1000", **JSON}
    upload = request("PATCH", where, **TUS, **OCTETS, upload_offset="0", content_length="1000")
    kinds = {b"": 0, b"GET / HT": 408, request("POST", "/api/v1/jobs", **body) + b'{"so': 408, upload: 409}
    with contextlib.ExitStack() as stack, others_are_served(crowded, "800 that drip and stall"):
        lines = [(stack.enter_context(connected(crowded)), said) for said in kinds for _ in range(200)]
        for line, said in lines:
            line.sendall(said)
        ends = Counter((kinds[said], answered(line)[0]) for line, said in lines)
    assert ends == {(0, 0): 200, (408, 408): 400, (409, 409): 199, (409, 408): 1}
