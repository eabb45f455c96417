"""Each codec, proved by encoding and decoding a few frames in a process of its own, which an encoder may end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

from vidproc.checks.finding import Finding, ok, problem
from vidproc.media.output_codecs import CODECS
from vidproc.processes.child import cause_of_death

_LIMIT_S = 60.0
_REINSTALL = "install av anew from a wheel for this machine: pip install --force-reinstall av"


def codecs(names: Sequence[str] = (), program: str = "vidproc.media.codec_trial") -> Iterator[Finding]:
    """Of these, or of all. A process that ends on one codec is started anew with those behind it."""
    left = list(names or _all())
    while left:
        said, end = _tried(program, left)
        for line in said:
            yield _finding(left.pop(0), json.loads(line)["error"])
        if left and end:
            yield _finding(left.pop(0), f"the process that tried it {end}")
        elif left:
            raise RuntimeError("the trial of codecs ended early, and without a word")


def _all() -> Sequence[str]:
    from vidproc.media.codec_trial import TRIALS  # which loads PyAV, if it can be loaded

    return TRIALS


def _tried(program: str, names: Sequence[str]) -> tuple[list[str], str]:
    """What was said of them, one line of JSON each, and how the process ended if not well."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", program, *names], capture_output=True, env=environment, timeout=_LIMIT_S
        )
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode().splitlines(), f"took longer than {_LIMIT_S:g} s"
    return done.stdout.decode().splitlines(), cause_of_death(done.returncode) if done.returncode else ""


def _finding(name: str, error: str) -> Finding:
    if error:
        return problem(f"codec {name}", error, _REINSTALL)
    if name not in CODECS:
        return ok(f"codec {name}", "can be read")
    return ok(f"codec {name}", f"can be written ({CODECS[name].encoder}) and read")
