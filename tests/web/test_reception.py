from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import httpx
import pytest

from tests.end_to_end.programs import Cluster, cluster
from tests.web.asking import TUS, UPLOADS, client
from tests.web.raw import answered, connected, request


@pytest.mark.parametrize("host", ["films.example", "localhost.example", "", "127.0.0.1.example:80"])
def test_names_that_are_not_ours_are_not_answered(http: httpx.Client, host: str) -> None:
    assert http.get("/api/v1/jobs", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080", "192.0.2.7"])
def test_addresses_and_our_own_names_are(http: httpx.Client, host: str) -> None:
    assert http.get("/api/v1/jobs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(("host", "status"), [("localhost:1", 200), ("[::1]", 200), ("films.example", 421), ("", 421)])
@pytest.mark.parametrize("header", ["localhost", "films.example"])
def test_a_whole_address_is_as_good_as_its_path(site: Cluster, host: str, header: str, status: int) -> None:
    with connected(site) as sock:
        sock.sendall(request("GET", f"HTTP://{host}/api/v1/jobs?limit=1", host=header))
        told = answered(sock)
    assert told[0] == status
    assert status != 200 or len(json.loads(told[2])["jobs"]) <= 1


def test_pages_of_other_sites_change_nothing(http: httpx.Client) -> None:
    for headers in ({"origin": "https://films.example"}, {"sec-fetch-site": "cross-site"}):
        assert http.post("/api/v1/jobs/no-id/cancel", headers=headers).status_code == 403
    own = {"origin": str(http.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
    assert http.post("/api/v1/jobs/no-id/cancel", headers=own).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "told"), [("GET", "/nothing", "nothing is at this address"), ("PUT", "/healthz", "Allow")]
)
def test_who_asks_for_what_is_not_there_is_told_where_to_look(
    http: httpx.Client, method: str, path: str, told: str
) -> None:
    assert told in http.request(method, path).json()["detail"]


TOKEN = "a-token-of-quite-some-length"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A coordinator that asks for a token."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "token").write_text(TOKEN + "\n")
    with cluster(folder, "--preview-port", 0, "--token-file", folder / "token", "--log-level", "debug") as made:
        yield made


def basic(password: str, name: str = "anybody") -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer  {TOKEN}", basic(TOKEN), basic(TOKEN, "")])
def test_who_holds_the_token_comes_in(guarded: Cluster, given: str) -> None:
    with client(guarded) as http:
        for path in ("/api/v1/jobs", "/", "/api/v1/openapi.json"):
            assert http.get(path, headers={"authorization": given}).status_code == 200
        assert http.post(
            UPLOADS, headers={**TUS, "upload-length": "5", "authorization": given}
        ).status_code == 201  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        "", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Digest {TOKEN}", TOKEN, "Basic ***",
        basic("wrong"), basic(""), f"Basic {TOKEN}", "Bearer " + "ä" * 1000, "Basic ä", basic(TOKEN)[:-3],
    ],
)  # fmt: skip
def test_who_does_not_stays_out(guarded: Cluster, given: str) -> None:
    with client(guarded) as http:
        for method, path in [("GET", "/api/v1/jobs"), ("POST", UPLOADS), ("GET", "/"), ("GET", "/no/such/page")]:
            answer = http.request(method, path, headers={"authorization": given.encode()})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic realm=")
            assert answer.headers["content-type"] == "application/problem+json"
        assert http.get("/api/v1/jobs", params={"token": TOKEN}).status_code == 401, "a token is no part of an address"


def test_machines_are_looked_after_without_a_token(guarded: Cluster) -> None:
    with client(guarded) as http:
        assert http.get("/healthz").status_code == 200
        assert http.get("/readyz").status_code == 503  # there is no daemon
        assert http.get("/healthz/").status_code == 401


def test_tokens_are_not_logged(guarded: Cluster) -> None:
    wrong = "another-token-that-is-wrong"
    with client(guarded) as http:
        for given in (TOKEN, wrong):
            http.get("/api/v1/jobs", headers={"authorization": f"Bearer {given}"})
            http.get("/api/v1/jobs", headers={"authorization": basic(given)})
            http.get(f"/api/v1/jobs/{given}", headers={"authorization": basic(given)})
    said = guarded.coordinator.said
    assert all(each not in said for each in (TOKEN, wrong, basic(TOKEN), basic(wrong)))


def test_what_a_page_of_another_site_sends_changes_nothing(http: httpx.Client) -> None:
    for method, path in [("POST", UPLOADS), ("POST", "/api/v1/jobs"), ("DELETE", "/api/v1/jobs/no-id"), ("PUT", "/x")]:
        for origin in ("https://films.example", "null", "http://localhost:1", str(http.base_url) + ".films.example"):
            assert http.request(method, path, headers={"origin": origin}).status_code == 403
    for site in ("same-site", "cross-site", "Same-Origin"):
        assert http.post(UPLOADS, headers={"sec-fetch-site": site}).status_code == 403


def test_nothing_may_be_read_by_pages_of_other_sites(http: httpx.Client) -> None:
    answer = http.get("/api/v1/jobs", headers={"origin": "https://films.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


def test_refusals_say_no_less_than_other_answers(http: httpx.Client) -> None:
    for answer in (http.get("/", headers={"host": "films.example"}), http.get("/nothing")):
        assert answer.headers["x-content-type-options"] == "nosniff"
