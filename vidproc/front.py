"""The library's face: `process` on this machine, `Client` for a cluster. Both wait until the film is there."""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from vidproc import scratch
from vidproc.client.containers import container_of
from vidproc.client.endpoint import Endpoint
from vidproc.client.news import Listener
from vidproc.client.remote import process as process_remotely
from vidproc.config import WorkerSettings, as_token
from vidproc.cores import usable_cores
from vidproc.errors import ClientError
from vidproc.functions import FilterLike, as_spec
from vidproc.model import JobSpec
from vidproc.protocol.structure import from_plain, to_plain
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
        width x 3, or what `@vidproc.filter` declares), its text, or the path of a file that holds one.
    processes: how many at once; by default one for each usable core.
    on_news: called with each of the `News` of `vidproc.client.news` as the job goes on.
    options: fields of `vidproc.model.JobSpec`: codec, crf, encoder_preset, pix_fmt, audio, start, duration,
        on_decode_error, on_error.

    Returns the job's metrics (see docs/metrics.md). Raises kinds of `VidprocError`.
    """
    from vidproc import local

    if processes is not None and processes < 1:
        raise ClientError(f"processes must be 1 or more, not {processes}")
    worker = WorkerSettings(allow_custom=True, name="here", processes=processes or usable_cores())
    with scratch.folder() as pickles:
        job = _job(filters, out, options, pickles)
        return _wait(lambda: local.run(worker, job, os.fspath(video), os.fspath(out), overwrite, on_news))


class Client:
    """A coordinator elsewhere: `address` such as "tcp://host:9090" or "unix:///run/vidproc.sock".

    token: what the coordinator's token file holds, where it was given one; white space around it does not count.
    """

    def __init__(self, address: str = "tcp://localhost:9090", token: bytes | str | None = None) -> None:
        self._endpoint = Endpoint(Address.parse(address), None if token is None else as_token(token, "token"))

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
        job = _job(filters, out, options, None)
        return _wait(
            lambda: process_remotely(self._endpoint, job, os.fspath(video), os.fspath(out), overwrite, on_news)
        )


def _job(filters: tuple[FilterLike, ...], out: PathLike, options: dict[str, Any], pickles: Path | None) -> JobSpec:
    _refuse_within_a_filter()
    specs = tuple(as_spec(it, pickles) for it in filters)
    if not specs:
        raise ClientError("give at least one filter: a name such as 'blur', or a function")
    try:
        job = JobSpec(filters=specs, container=container_of(os.fspath(out)), **{"codec": "", **options})
        return from_plain(JobSpec, to_plain(job))  # checks the types
    except (TypeError, ValueError) as error:
        raise ClientError(f"wrong option: {error}") from None


def _refuse_within_a_filter() -> None:
    """A filter's file is run in each slot, and what it calls at its top level would start the job again in each."""
    from vidproc.filters.custom_source import FILENAME

    if any(frame.f_code.co_filename == FILENAME for frame, _ in traceback.walk_stack(None)):
        raise ClientError("a filter's file may not start jobs: put that under `if __name__ == '__main__':`")


def _wait(course: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    """Run to the end, in a thread of its own where this one has an event loop already, as a notebook's has."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(course())
    return _wait_aside(course)


def _wait_aside(course: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    """In a thread with a loop of its own. Ctrl-C here cancels it there, and waits until it has cleared away."""
    begun: Future[Callable[[], object]] = Future()

    async def cancellable() -> dict[str, Any]:
        task = asyncio.current_task()
        assert task is not None
        begun.set_result(partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel))
        return await course()

    with ThreadPoolExecutor(1, "vidproc") as thread:
        outcome = thread.submit(lambda: asyncio.run(cancellable()))
        try:
            return outcome.result()
        except KeyboardInterrupt:
            begun.result()()
            raise
