"""Where a workload is prepared."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Place:
    """folder: for its files. after: what is to be closed when it has been done."""

    folder: Path
    after: ExitStack


Prepare = Callable[[Place], Work]
