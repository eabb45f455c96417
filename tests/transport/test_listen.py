from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.transport.places import needs_ipv6
from vidproc.errors import ClientError
from vidproc.transport import listen as module
from vidproc.transport.address import SUN_PATH_BYTES, Address
from vidproc.transport.listen import Listener, listen

pytestmark = pytest.mark.process


@contextlib.contextmanager
def listening(*addresses: Address) -> Iterator[list[Listener]]:
    listeners = listen(addresses)
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def reaches(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        return sock.connect_ex((host, port)) == 0


@needs_ipv6
@pytest.mark.parametrize(("host", "bound"), [("localhost", ["::1", "127.0.0.1"]), ("::", ["::", "0.0.0.0"])])
def test_both_families_on_one_port(host: str, bound: list[str]) -> None:
    with listening(Address.tcp(host, 0)) as listeners:
        assert [listener.address.host for listener in listeners] == bound
        (port,) = {listener.address.port for listener in listeners}
        assert port != 0
        assert reaches("::1", port)
        assert reaches("127.0.0.1", port)
        for listener in listeners:
            if listener.socket.family == socket.AF_INET6:
                assert listener.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    assert not reaches("127.0.0.1", port)


@needs_ipv6
@pytest.mark.parametrize(("host", "other"), [("::1", "127.0.0.1"), ("127.0.0.1", "::1"), ("0.0.0.0", "::1")])
def test_one_family_when_that_is_what_was_said(host: str, other: str) -> None:
    with listening(Address.tcp(host, 0)) as (listener,):
        assert listener.address.host == host
        assert not reaches(other, listener.address.port)


def test_the_port_that_was_said_is_the_one_that_is_used() -> None:
    with listening(Address.tcp("localhost", 0)) as listeners:
        port = listeners[0].address.port
    with listening(Address.tcp("localhost", port)) as listeners:
        assert {listener.address.port for listener in listeners} == {port}


def test_a_port_in_use_is_refused_in_one_line_and_nothing_stays_open() -> None:
    with listening(Address.tcp("127.0.0.1", 0)) as (taken,):
        port = taken.address.port
        with pytest.raises(ClientError, match=rf"tcp://localhost:{port} is in use, .* choose another port") as caught:
            listen([Address.tcp("localhost", port)])
        assert caught.value.exit_code == 2
        assert not reaches("::1", port)


def test_a_chosen_port_that_is_taken_in_the_other_family_is_chosen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = module._bound
    refused: list[int] = []

    def taken_at_first(family: int, sockaddr: tuple[Any, ...]) -> socket.socket:
        if family == socket.AF_INET and len(refused) < 3:
            refused.append(sockaddr[1])
            raise OSError(errno.EADDRINUSE, "in use")
        return bound(family, sockaddr)

    monkeypatch.setattr(module, "_bound", taken_at_first)
    with listening(Address.tcp("localhost", 0)) as listeners:
        assert len(refused) == 3
        assert len({listener.address.port for listener in listeners}) == 1


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_without_ipv6_ipv4_serves_alone(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    bound = module._bound

    def without_ipv6(family: int, sockaddr: tuple[Any, ...]) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(code, os.strerror(code))
        return bound(family, sockaddr)

    monkeypatch.setattr(module, "_bound", without_ipv6)
    for host in ("localhost", "::"):
        with listening(Address.tcp(host, 0)) as (listener,):
            assert reaches("127.0.0.1", listener.address.port)
    with pytest.raises(ClientError, match=r"tcp://\[::1\]:0"):
        listen([Address.tcp("::1", 0)])


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ClientError, match=r"can't listen on tcp://192\.0\.2\.1:0"):
        listen([Address.tcp("192.0.2.1", 0)])


def test_if_one_address_fails_none_stays_open(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClientError):
        listen([Address.unix(tmp_path / "socket"), Address.tcp("localhost", 0), Address.unix(tmp_path / "file")])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# AF_UNIX


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


def leave_stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.fspath(path))


def lives(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(os.fspath(path)) == 0


def test_a_unix_socket_is_its_owners_alone_and_goes_away(path: Path) -> None:
    with listening(Address.unix(path)) as (listener,):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert listener.address == Address.unix(path)
        assert lives(path)
    assert not path.exists()


def test_the_mode_is_narrow_from_the_first_moment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []

    class Watched(socket.socket):
        def bind(self, address: Any) -> None:
            super().bind(address)
            modes.append(stat.S_IMODE(path.stat().st_mode))

    monkeypatch.setattr(socket, "socket", Watched)
    mask = os.umask(0)
    try:
        with listening(Address.unix(path)):
            assert modes == [0o600]
        assert os.umask(0) == 0
    finally:
        os.umask(mask)


def test_a_stale_socket_is_replaced(path: Path) -> None:
    leave_stale(path)
    with listening(Address.unix(path)):
        assert lives(path)


def test_a_live_socket_is_refused_and_lives_on(path: Path) -> None:
    with listening(Address.unix(path)):
        with pytest.raises(ClientError, match="in use by another program"):
            listen([Address.unix(path)])
        assert lives(path)


def test_a_live_socket_of_another_kind_is_refused(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(os.fspath(path))
        with pytest.raises(ClientError, match="in use"):
            listen([Address.unix(path)])
        assert path.exists()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_never_removed(path: Path, kind: str) -> None:
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    else:
        leave_stale(path.with_name("target"))
        path.symlink_to("target")
    before = path.lstat()
    with pytest.raises(ClientError, match="no socket: remove it yourself"):
        listen([Address.unix(path)])
    assert path.lstat() == before


def test_two_that_start_at_once_do_not_take_each_other_for_dead(path: Path) -> None:
    with module._locked(os.fspath(path.parent)), pytest.raises(ClientError, match="try again"):
        listen([Address.unix(path)])
    with listening(Address.unix(path)):
        assert lives(path)


def test_a_socket_that_replaced_ours_is_left_alone(path: Path) -> None:
    with listening(Address.unix(path)):
        path.unlink()
        leave_stale(path)
    assert path.exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"can't listen on unix:.*/nowhere/socket: No such file"):
        listen([Address.unix(tmp_path / "nowhere" / "socket")])


def test_the_longest_path_can_be_listened_on(tmp_path: Path) -> None:
    room = SUN_PATH_BYTES - len(os.fsencode(tmp_path)) - 1
    if room < 1:
        pytest.skip("the folder for temporary files lies too deep")
    with listening(Address.unix(tmp_path / ("x" * room))) as (listener,):
        assert lives(Path(listener.address.path))
