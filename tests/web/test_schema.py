"""What OpenAPI says holds, whatever is asked: no answer is a failure of the coordinator, each is as described."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.end_to_end.programs import Cluster, cluster
from tests.web.asking import client, made, uploaded

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ENDLESS = ("/api/v1/events", "/preview.mjpeg")
"""Of a job that waits for ever, the second."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A coordinator that takes as many uploads as come, of a size that its disk has room for."""
    folder = tmp_path_factory.mktemp("asked")
    with cluster(folder, "--preview-port", 0, "--upload-limit", "1MiB", "--max-uploads", 100_000) as site:
        site.add_worker(1)
        yield site


@pytest.fixture(scope="module")
def there(asked: Cluster, film: Path) -> Mapping[str, Any]:
    """What parameters may name that there is."""
    with client(asked) as http:
        upload = uploaded(http, film)
        return {"job_id": made(http, film, "invert")["id"], "upload_id": upload, "source": upload, "name": "blur"}


def asking(site: Cluster, there: Mapping[str, Any], examples: int, seed: int) -> list[str]:
    """What is wrong with the answers, for each operation."""
    schema = schemathesis.openapi.from_url(f"{site.pages[0]}/api/v1/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations() if found.ok()]
    operations.sort(key=lambda each: each.method == "delete")
    wrong = []
    for each in operations:
        if each.path not in ENDLESS:
            try:
                _ask(each, there, examples, seed)
            except Exception as error:
                wrong.append(f"{each.label}: {error}")
    return wrong


def _ask(operation: Any, there: Mapping[str, Any], examples: int, seed: int) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(), real=st.booleans())
    def ask(case: Case, real: bool) -> None:
        if real:
            _name_what_is_there(case, there)
        case.call_and_validate(checks=CHECKS, timeout=30)

    ask()


def _name_what_is_there(case: Case, there: Mapping[str, Any]) -> None:
    for key in case.path_parameters or {}:
        case.path_parameters[key] = there.get(key, case.path_parameters[key])
    if isinstance(case.body, dict) and "source" in case.body:
        case.body["source"] = there["source"]


def test_answers_are_as_they_are_described(asked: Cluster, there: Mapping[str, Any]) -> None:
    assert not asking(asked, there, 15, 1)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2, 5))
def test_many_answers_are(asked: Cluster, there: Mapping[str, Any], seed: int) -> None:
    assert not asking(asked, there, 150, seed)
