"""Standard input, and signals that come while nothing does."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidproc.client import standard_input


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The end to write to of what is standard input meanwhile."""
    reading, writing = os.pipe()
    monkeypatch.setattr(standard_input, "STDIN", reading)
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


def kept(go: threading.Event, folder: Path) -> bytes:
    """What comes, the event being set when it is waited for: a signal before would meet the preparations."""
    wait = select.select

    def waited(*lists: list[int]) -> tuple[list[int], list[int], list[int]]:
        go.set()
        return wait(*lists)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(select, "select", waited)
        return standard_input.kept_in(folder).read_bytes()


def test_a_signal_ends_the_wait(pipe: int, tmp_path: Path) -> None:
    with another_thread_gets(signal.SIGINT) as go, pytest.raises(KeyboardInterrupt):
        kept(go, tmp_path)
    os.close(pipe)


def test_what_a_pipe_holds(pipe: int, tmp_path: Path) -> None:
    os.write(pipe, b"fi")
    os.write(pipe, b"lm")
    os.close(pipe)
    assert standard_input.kept_in(tmp_path).read_bytes() == b"film"


def test_other_signals_do_not_end_it(pipe: int, tmp_path: Path) -> None:
    heard: list[int] = []

    def hear(number: int, frame: object) -> None:
        heard.append(number)
        os.write(pipe, b"film")
        os.close(pipe)

    before = signal.signal(signal.SIGUSR1, hear)
    try:
        with another_thread_gets(signal.SIGUSR1) as go:
            assert kept(go, tmp_path) == b"film"
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]
