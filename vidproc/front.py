"""The library's face: `process` on this machine, `Client` for a cluster. Both wait until the film is there."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from vidproc.client.containers import container_of
from vidproc.client.remote import Endpoint, Listener
from vidproc.client.remote import process as process_remotely
from vidproc.config import WorkerSettings
from vidproc.cores import usable_cores
from vidproc.errors import ClientError
from vidproc.functions import FilterLike, as_spec
from vidproc.model import JobSpec
from vidproc.transport.address import Address

PathLike = str | os.PathLike[str]


def _silent(_: object) -> None:
    pass


def process(
    video: PathLike,
    out: PathLike,
    *filters: FilterLike,
    processes: int | None = None,
    overwrite: bool = False,
    on_news: Listener = _silent,
    **options: Any,
) -> dict[str, Any]:
    """Run `filters` in order over every frame of `video`, on this machine's cores, and write the film to `out`.

    filters: a name with parameters ("blur:ksize=9"), a function from frame to frame (BGR uint8 arrays of height x
        width x 3, or what `@vidproc.filter` declares), or the `Path` of a file that holds one.
    processes: how many at once; by default one for each usable core.
    on_news: called with `Uploading`, `Progress` and `Downloading` of `vidproc.client.remote` as the job goes on.
    options: fields of `vidproc.model.JobSpec`: crf, encoder_preset, codec, audio, start, duration, on_decode_error.

    Returns the job's metrics (see docs/metrics.md). Raises kinds of `VidprocError`.
    """
    from vidproc import local

    job = _job(filters, out, options, local=True)
    worker = WorkerSettings(allow_custom=True, name="here", processes=processes or usable_cores())
    return _wait(lambda: local.run(worker, job, os.fspath(video), os.fspath(out), overwrite, on_news))


class Client:
    """A coordinator elsewhere: `address` such as "tcp://host:9090" or "unix:///run/vidproc.sock", and its token."""

    def __init__(self, address: str = "tcp://localhost:9090", token: bytes | None = None) -> None:
        self._endpoint = Endpoint(Address.parse(address), token)

    def process(
        self,
        video: PathLike,
        out: PathLike,
        *filters: FilterLike,
        overwrite: bool = False,
        on_news: Listener = _silent,
        **options: Any,
    ) -> dict[str, Any]:
        """As `vidproc.process`, on the coordinator's daemons. A function goes as the text of the file it is in, and
        runs on daemons started with `--allow-custom`."""
        job = _job(filters, out, options, local=False)
        return _wait(
            lambda: process_remotely(self._endpoint, job, os.fspath(video), os.fspath(out), overwrite, on_news)
        )


def _job(filters: tuple[FilterLike, ...], out: PathLike, options: dict[str, Any], *, local: bool) -> JobSpec:
    specs = tuple(as_spec(it, local=local) for it in filters)
    if not specs:
        raise ClientError("give at least one filter: a name such as 'blur', or a function")
    try:
        return JobSpec(filters=specs, container=container_of(str(Path(out))), **options)
    except TypeError as error:
        raise ClientError(f"unknown option: {error}") from None


def _wait(course: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    """Run to the end, in a thread of its own where this one has an event loop already, as a notebook's has."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(course())
    outcome: list[dict[str, Any] | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(course()))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name="vidproc")
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
