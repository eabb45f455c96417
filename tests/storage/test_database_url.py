from __future__ import annotations

import pytest

from vidproc.errors import ClientError
from vidproc.storage.database import Database, is_file, passwords, without_password

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("url", "shown", "secrets"),
    [
        ("postgresql://me@h/jobs", "postgresql://me@h/jobs", ()),
        ("postgresql://me:s3cret@h:1/jobs", "postgresql://me:***@h:1/jobs", ("s3cret",)),
        ("postgresql://me:a%40b@h/jobs", "postgresql://me:***@h/jobs", ("a@b",)),
        ("postgresql://h/jobs?password=s3cret", "postgresql://h/jobs", ("s3cret",)),
        ("sqlite:////data/vidproc.db", "sqlite:////data/vidproc.db", ()),
    ],
)
def test_what_of_a_url_people_may_see(url: str, shown: str, secrets: tuple[str, ...]) -> None:
    assert without_password(url) == shown
    assert passwords(url) == secrets
    assert is_file(url) == url.startswith("sqlite")


@pytest.mark.parametrize("url", ["", "s3cret", "postgresql://me:s3cret@h:port/jobs"])
def test_what_is_no_url_is_not_repeated(url: str) -> None:
    for use in (without_password, passwords, is_file, Database):
        with pytest.raises(ClientError, match="--database-url: give sqlite") as refusal:
            use(url)
        assert "s3cret" not in str(refusal.value)
