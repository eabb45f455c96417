from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidproc.errors import ClientError
from vidproc.transport.address import SUN_PATH_BYTES, Address, is_loopback

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://localhost:9090", Address("tcp", host="localhost", port=9090)),
        ("tcp://[::1]:9090", Address("tcp", host="::1", port=9090)),
        ("tcp://[fe80::1%eth0]:1", Address("tcp", host="fe80::1%eth0", port=1)),
        ("tcp://10.0.0.1:0", Address("tcp", host="10.0.0.1", port=0)),
        ("unix:///run/vidproc.sock", Address("unix", path="/run/vidproc.sock")),
        ("unix:///with space/é", Address("unix", path="/with space/é")),
    ],
)
def test_there_and_back(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "localhost:9090",
        "http://localhost:9090",
        "tls://localhost:9090",
        "tcp://localhost",
        "tcp://localhost:",
        "tcp://:9090",
        "tcp://localhost:x",
        "tcp://localhost:-1",
        "tcp://localhost:٣",
        "tcp://::1:9090",
        "tcp://a b:1",
        "tcp://a/b:1",
        "unix://relative",
        "unix:/one",
    ],
)
def test_what_is_no_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(ClientError, match=r"no address|no host") as caught:
        Address.parse(text)
    assert "\n" not in str(caught.value)


def test_a_port_has_sixteen_bits() -> None:
    with pytest.raises(ClientError, match="65536 is no port"):
        Address.parse("tcp://localhost:65536")


def test_brackets_around_a_host_are_taken_off() -> None:
    assert Address.tcp("[::1]", 1) == Address.tcp("::1", 1)


def test_a_relative_path_is_taken_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Address.unix("socket").path == os.fspath(tmp_path / "socket")


@pytest.mark.parametrize("path", ["", "/", "/nul\0", "/" + "x" * SUN_PATH_BYTES, "/" + "é" * 60])
def test_paths_that_no_socket_can_have(path: str) -> None:
    with pytest.raises(ClientError, match="socket"):
        Address.unix(path)


def test_the_longest_path_is_taken() -> None:
    assert len(Address.unix("/" + "x" * (SUN_PATH_BYTES - 1)).path) == SUN_PATH_BYTES


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["::", "0.0.0.0", "10.0.0.1", "fe80::1", "example.org", "localhost.example.org", "127.1"]
)
def test_not_only_loopback(host: str) -> None:
    assert not is_loopback(host)
