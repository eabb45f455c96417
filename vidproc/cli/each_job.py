"""One verb for several jobs: each has its turn, whatever became of those before it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vidproc.errors import PeerError, UnreachableError, VidprocError, one_line

if TYPE_CHECKING:
    from vidproc.client.endpoint import Endpoint

Act = Callable[["Endpoint", str], dict[str, Any]]
"""What is done to the job of that whole id, and gives what there is to say of it as JSON. Raises `VidprocError`."""


def each(endpoint: Endpoint, given: argparse.Namespace, act: Act, done: str) -> int:
    """Do it to each of `given.jobs`, once however often a job is named; the exit code.

    What goes wrong with one is said on standard error at once, and of the others that they are `done`. Raises
    `UnreachableError` and `PeerError`: no other would fare better.
    """
    whole: list[str] = []
    told: list[dict[str, Any]] = []
    failures = _Failures()
    for named in given.jobs:
        with failures.noted(named):
            whole.append(_id(endpoint, named))
    for job_id in dict.fromkeys(whole):
        with failures.noted(job_id):
            told.append(act(endpoint, job_id))
            if not given.json:
                print(f"{job_id} is {done}", file=sys.stderr)
    if given.json:
        print(json.dumps([*told, *failures.told], indent=2))
    return failures.exit_code


def _id(endpoint: Endpoint, named: str) -> str:
    from vidproc.client import jobs

    return asyncio.run(jobs.described(endpoint, named)).summary.id


class _Failures:
    """Of some jobs, none of which is to keep others from their turn."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.exit_code = 0

    @contextlib.contextmanager
    def noted(self, named: str) -> Iterator[None]:
        try:
            yield
        except (UnreachableError, PeerError):
            raise
        except VidprocError as error:
            print(f"error: {one_line(str(error))}", file=sys.stderr)
            self.told.append({"id": named, "error": {"code": error.code, "message": str(error)}})
            self.exit_code = max(self.exit_code, error.exit_code)
