from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from vidproc.transport import admission
from vidproc.transport.admission import Admission, ConnectionLimits, peer_of

pytestmark = pytest.mark.unit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def admitting(**limits: Any) -> tuple[Admission, Clock]:
    clock = Clock()
    return Admission(ConnectionLimits(**limits), clock), clock


def test_connections_are_counted_in_all_and_by_peer() -> None:
    door, _ = admitting(total=3, per_peer=2)
    assert [door.admit("a"), door.admit("a"), door.admit("b")] == ["", "", ""]
    assert "has 3 connections already (max_connections)" in door.admit("c")
    door.leave("b")
    assert "a has 2 connections (max_connections_per_peer)" in door.admit("a")
    assert door.admit("c") == ""
    assert door.connections == 3


def settled(door: Admission, name: str, role: str) -> str:
    return door.admit(name) or door.settle(name, role)


def test_some_places_clients_cannot_have() -> None:
    door, clock = admitting(total=16, per_peer=9)
    assert [settled(door, "a", "client") for _ in range(7)] == [""] * 7
    assert "a has 7 clients here already, and what is left is kept for workers" in settled(door, "a", "client")
    door.leave("a")
    clock.now += 1
    assert [settled(door, "a", "worker") for _ in range(2)] == [""] * 2
    assert [settled(door, "b", "client") for _ in range(7)] == [""] * 7
    door.leave("a", "client")
    door.leave("b", "client")
    assert [settled(door, "c", "client") for _ in range(2)] == [""] * 2
    assert "the coordinator has 14 clients already" in door.settle("c", "client")
    door.leave("a", "worker")
    assert settled(door, "b", "worker") == ""
    assert door.connections == 16


@pytest.mark.parametrize(("total", "clients"), [(1, 1), (2, 1), (8, 7), (9, 7), (4096, 3584)])
def test_an_eighth_of_the_places_is_kept_for_workers(total: int, clients: int) -> None:
    door, _ = admitting(total=total, per_peer=2 * total)
    assert [settled(door, "a", "client") for _ in range(total)].count("") == clients


def test_new_ones_come_at_a_rate_behind_the_first_few() -> None:
    door, clock = admitting(per_peer=4, rate=2)
    for _ in range(4):
        assert door.admit("a") == ""
        door.leave("a")
    assert "more than 2 connections a second (max_connection_rate)" in door.admit("a")
    assert door.admit("b") == "", "another peer has a rate of its own"
    clock.now += 0.5
    assert door.admit("a") == ""
    door.leave("a")
    assert door.admit("a")
    clock.now += 1000
    assert [bool(door.admit("a")) for _ in range(5)] == [False] * 4 + [True]


def test_a_refusal_counts_for_nothing() -> None:
    door, _ = admitting(total=1, per_peer=9, rate=0.0001)
    assert door.admit("a") == ""
    for _ in range(20):
        assert door.admit("a")
    door.leave("a")
    assert door.admit("a") == ""


def test_peers_that_come_once_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_MOST_PEERS", 10)
    door, _ = admitting(per_peer=1, rate=0.0001)
    assert door.admit("stays") == ""
    for number in range(1000):
        assert door.admit(f"{number}") == ""
        door.leave(f"{number}")
    assert len(door._peers) <= 11 + 1
    assert "stays has 1 connections" in door.admit("stays")
    assert door.admit("999"), "the last ones are remembered"


@pytest.mark.parametrize(
    ("sockaddr", "peer"),
    [
        (("192.0.2.7", 5), "192.0.2.7"),
        (("::ffff:192.0.2.7", 5, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 5, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%lo", 5, 0, 1), "fe80::/64"),
        (("::1", 5, 0, 0), "::/64"),
    ],
)
def test_whose_an_address_is(sockaddr: Any, peer: str) -> None:
    with socket.socket() as sock:
        assert peer_of(sock, sockaddr) == peer


def test_a_user_of_this_host_is_one_peer() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(ours, "") == f"user {os.getuid()}"
