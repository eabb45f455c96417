"""The databases that what is written down must be read from alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.postgres import Postgres
from vidproc.storage.database import url_of_file


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Postgres | None:
    """None for SQLite, which needs none."""
    return request.getfixturevalue("postgres") if request.param == "postgresql" else None


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """Of SQLite's alone, for what PostgreSQL does not let happen: it takes no torn JSON."""
    return url_of_file(tmp_path / "d")


@pytest.fixture
def url(server: Postgres | None, tmp_path: Path) -> str:
    """Of a database that holds nothing yet."""
    return server.new_database() if server else url_of_file(tmp_path / "d")
