"""Python and the wheels: whether they are there, load, and which holes of theirs are known."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from vidproc._version import __version__
from vidproc.checks import holes
from vidproc.checks.finding import REINSTALL, Finding, ok, problem, warning

_OLDEST = (3, 11)
_NAME = re.compile(r"[^\w.-]")  # ends a name in a requirement (PEP 508)


def python() -> Iterator[Finding]:
    said = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < _OLDEST:
        yield problem("python", said, "install Python 3.11 or newer and make the environment with that one")
    else:
        yield ok("python", said)


def packages() -> Iterator[Finding]:
    """All that vidproc says it needs, whatever of it this machine will use."""
    needed = [_NAME.split(each)[0] for each in requires("vidproc") or () if "extra ==" not in each]
    missing = [name for name in needed if not _is_installed(name)]
    if missing:
        yield problem("packages", f"not installed: {', '.join(missing)}", REINSTALL)
    else:
        yield ok("packages", f"all {len(needed)} that vidproc needs are installed")


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def wheels() -> Iterator[Finding]:
    """Each package is loaded: a wheel for another processor is there and does not."""
    import cv2
    import numpy

    yield ok("vidproc", __version__)
    yield ok("numpy", numpy.__version__)
    yield ok("opencv", f"{cv2.__version__}; which of its holes are known was not looked up: unknown")


def ffmpeg() -> Iterator[Finding]:
    from vidproc.media import ffmpeg

    where = f"FFmpeg {ffmpeg.VERSION} in PyAV {version('av')}"
    number = holes.release(ffmpeg.VERSION)
    if number is None:
        yield warning("ffmpeg", f"{where}: no release, so its holes are unknown", f"compare it with {holes.PAGE}")
    elif known := holes.holes_of(number):
        named = "; ".join(f"{each.name} ({each.where})" for each in known)
        yield warning(
            "ffmpeg", f"{where} has known holes: {named}",
            "take an av with a newer FFmpeg as soon as there is one, and until then films from people you trust",
        )  # fmt: skip
    else:
        yield ok("ffmpeg", f"{where}: none of the holes known on {holes.WRITTEN} ({holes.PAGE} has the newer ones)")


def cascades() -> Iterator[Finding]:
    from cv2.data import haarcascades

    found = len(list(Path(haarcascades).glob("haarcascade_*.xml")))
    if not found:
        yield problem("cascades", f"no cascade lies in {haarcascades}", "install opencv-python-headless 4.14, not 5")
    else:
        yield ok("cascades", f"{found} in {haarcascades}")


def filters() -> Iterator[Finding]:
    """All load, and `faces`, which needs a file of OpenCV's, looks at a picture."""
    import numpy

    from vidproc import filters
    from vidproc.filters import haar
    from vidproc.filters.contract import Picture

    names = filters.names()
    for name in names:
        filters.get(name)
    haar.find(Picture("gray", (numpy.zeros((64, 64), numpy.uint8),)), 1.1, 0)
    yield ok("filters", f"{len(names)} load, and faces can look for faces")
