"""Pipes, and signals that come while nothing does."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from vidproc.client import piped, specs

T = TypeVar("T")


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The end to write to of what is standard input meanwhile."""
    reading, writing = os.pipe()
    monkeypatch.setattr(piped, "STDIN", reading)
    yield writing
    os.close(reading)


@contextlib.contextmanager
def another_thread_gets(number: int) -> Iterator[threading.Event]:
    """When the event is set the process gets this signal, but not in its main thread, whose waiting it does not end: as
    if it had come in the moment before the wait."""
    go = threading.Event()

    def send() -> None:
        go.wait()
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield go
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        go.set()
        thread.join()


def standard_input() -> bytes:
    return b"".join(piped.blocks(None))


def waited_for(go: threading.Event, given: Callable[[], T]) -> T:
    """What that gives, the event being set when it waits: a signal before would meet the preparations."""
    wait = select.select

    def waited(*lists: list[int]) -> tuple[list[int], list[int], list[int]]:
        go.set()
        return wait(*lists)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(select, "select", waited)
        return given()


def test_a_signal_ends_the_wait(pipe: int) -> None:
    with another_thread_gets(signal.SIGINT) as go, pytest.raises(KeyboardInterrupt):
        waited_for(go, standard_input)
    os.close(pipe)


def test_what_a_pipe_holds(pipe: int) -> None:
    os.write(pipe, b"fi")
    os.write(pipe, b"lm")
    os.close(pipe)
    assert standard_input() == b"film"


def test_other_signals_do_not_end_it(pipe: int) -> None:
    heard: list[int] = []

    def hear(number: int, frame: object) -> None:
        heard.append(number)
        os.write(pipe, b"film")
        os.close(pipe)

    before = signal.signal(signal.SIGUSR1, hear)
    try:
        with another_thread_gets(signal.SIGUSR1) as go:
            assert waited_for(go, standard_input) == b"film"
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]


# Named pipes


@pytest.fixture
def named(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "filter.py")
    return tmp_path / "filter.py"


def test_a_signal_ends_the_wait_for_somebody_to_write_into_a_named_pipe(named: Path) -> None:
    with another_thread_gets(signal.SIGINT) as go, pytest.raises(KeyboardInterrupt):
        waited_for(go, lambda: specs.from_file(named))


def test_and_for_the_rest_of_it(named: Path) -> None:
    with open(named, "r+b", buffering=0) as writing:
        writing.write(b"def f(")
        with another_thread_gets(signal.SIGINT) as go, pytest.raises(KeyboardInterrupt):
            waited_for(go, lambda: specs.from_file(named))


def test_what_is_written_into_a_named_pipe_while_it_is_waited_for(named: Path) -> None:
    begun = threading.Event()

    def write() -> None:
        begun.wait()
        with open(named, "wb") as pipe:
            for piece in (b"def f(frame):", b" return frame\n"):
                pipe.write(piece)
                pipe.flush()

    writer = threading.Thread(target=write)
    writer.start()
    assert waited_for(begun, lambda: specs.from_file(named)).code == "def f(frame): return frame\n"
    writer.join()


def test_a_pipe_whose_writer_has_left_already() -> None:
    """As a shell gives it for `<(...)`."""
    reading, writing = os.pipe()
    os.write(writing, b"def f(frame): return frame\n")
    os.close(writing)
    assert specs.from_file(Path(f"/dev/fd/{reading}")).code == "def f(frame): return frame\n"
    assert specs.from_file(Path(f"/dev/fd/{reading}")).code == ""
    os.close(reading)


def test_in_a_thread_there_are_no_signals(named: Path) -> None:
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(piped.read(named)))
    thread.start()
    named.write_bytes(b"text")
    thread.join()
    assert found == [b"text"]


def test_whoever_heard_of_signals_hears_of_them_again(pipe: int) -> None:
    os.close(pipe)
    heard, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told)
    try:
        standard_input()
        assert signal.set_wakeup_fd(-1) == told
    finally:
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(told)
