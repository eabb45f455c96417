from __future__ import annotations

import httpx
import pytest


@pytest.mark.parametrize("host", ["films.example", "localhost.example", "", "127.0.0.1.example:80"])
def test_names_that_are_not_ours_are_not_answered(http: httpx.Client, host: str) -> None:
    assert http.get("/api/v1/jobs", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080", "192.0.2.7"])
def test_addresses_and_our_own_names_are(http: httpx.Client, host: str) -> None:
    assert http.get("/api/v1/jobs", headers={"host": host}).status_code == 200


def test_pages_of_other_sites_change_nothing(http: httpx.Client) -> None:
    for headers in ({"origin": "https://films.example"}, {"sec-fetch-site": "cross-site"}):
        assert http.post("/api/v1/jobs/abc/cancel", headers=headers).status_code == 403
    own = {"origin": str(http.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
    assert http.post("/api/v1/jobs/abc/cancel", headers=own).status_code == 404
