"""Clips are made once a session, when the first test asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.clips import make


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`clip(name)` is the path of a clip from `clips.py`."""
    folder = tmp_path_factory.mktemp("clips")
    return lambda name: make(name, folder)
