"""Two hosts and the cable between them: by IPv6, IPv4 and both, and what happens when one of them vanishes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, Program, cluster, measured, sha256, until
from tests.end_to_end.surroundings import Host, two_hosts

pytestmark = pytest.mark.process


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    with two_hosts() as made:
        yield made


class TwoHosts:
    """A coordinator on one host; programs on either."""

    def __init__(self, here: Host, there: Host, cluster: Cluster, token: Path) -> None:
        self.here = here
        self.there = there
        self.cluster = cluster
        self._token = token

    def start(self, name: str, at: Host, family: str, *words: object) -> Program:
        """One that dials the coordinator by an address of that family."""
        where = ("--host", getattr(self.here, family), "--port", self.cluster.port, "--token-file", self._token)
        return self.cluster.start(name, *where, *words, within=at.within)

    def add_worker(self, at: Host, family: str, name: str) -> Program:
        options = ("--processes", 1, "--name", name, "--allow-custom", "--log-format", "json")
        worker = self.start("worker", at, family, *options)
        worker.saying('"connected"')
        return worker


@pytest.fixture
def both(hosts: tuple[Host, Host], tmp_path: Path) -> Iterator[TwoHosts]:
    token = tmp_path / "token"
    token.write_text("a token of enough bytes\n")
    words = ("--bind", "::", "--token-file", token)
    with cluster(tmp_path / "own", *words, within=hosts[0].within) as made:
        yield TwoHosts(*hosts, made, token)


@pytest.mark.parametrize(
    ("of_worker", "of_client"), [("ipv6", "ipv6"), ("ipv4", "ipv4"), ("ipv6", "ipv4")], ids=["ipv6", "ipv4", "both"]
)
def test_another_host_s_worker_and_client(
    both: TwoHosts, film: Path, gate: Gate, tmp_path: Path, plain: str, of_worker: str, of_client: str
) -> None:
    gate.open()
    both.add_worker(both.there, of_worker, "far")
    words = ("--video", film, "--out", tmp_path / "out.mp4", "--filter", gate.filter)
    sending = both.start("send", both.there, of_client, *words)
    assert sending.wait() == 0, sending.said
    assert sha256(tmp_path / "out.mp4") == plain


@pytest.mark.long
@pytest.mark.parametrize("family", ["ipv6", "ipv4"])
def test_a_host_vanishes_and_comes_back(
    both: TwoHosts, film: Path, gate: Gate, tmp_path: Path, plain: str, family: str
) -> None:
    """Its chunks go to another worker; its own client goes on when the cable is in again."""
    far = both.add_worker(both.there, family, "far")
    near = both.add_worker(both.here, family, "near")
    words = ("--video", film, "--filter", gate.filter, "--out")
    here = both.start("send", both.here, family, *words, tmp_path / "here.mp4")
    there = both.start("send", both.there, family, *words, tmp_path / "there.mp4")
    gate.reached(2)
    until(lambda: len(both.cluster.log("job")) == 2, "both jobs to be there")
    pulled = time.monotonic()
    both.there.plug(up=False)
    both.cluster.coordinator.saying('"worker left"')
    measured(f"a host that vanished is found ({family})", pulled)
    gate.open()
    assert here.wait() == 0, here.said
    there.saying("connection lost")
    both.there.plug(up=True)
    assert there.wait() == 0, there.said
    until(lambda: len(both.cluster.log("worker joined")) == 3, "the far worker to come back")
    assert near.stop() == 0
    again = both.start("send", both.here, family, *words, tmp_path / "again.mp4")
    assert again.wait() == 0, again.said
    assert {sha256(tmp_path / f"{name}.mp4") for name in ("here", "there", "again")} == {plain}
    assert far.process.poll() is None
