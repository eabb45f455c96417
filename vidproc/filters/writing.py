"""Writing into memory that is given: by OpenCV, or plainly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from vidproc.filters.contract import Array


def settle(result: Any, target: Array) -> None:
    """Make sure that `target`, given to OpenCV as its destination, holds `result`.

    OpenCV writes into a destination of the right size and type, with any stride between rows, and hands the very same
    array back. It quietly allocates another in any other case; then this copies.
    """
    if result is not target:
        np.copyto(target, result)


def copy(sources: Iterable[Array], targets: Iterable[Array]) -> None:
    """Copy planes into those of another picture."""
    for source, target in zip(sources, targets, strict=True):
        np.copyto(target, source)
