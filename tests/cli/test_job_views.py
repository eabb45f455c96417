"""Jobs as tables, lines and JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from vidproc.cli import job_views
from vidproc.model import Attempt, FilterSpec, JobSpec, JobState, JobSummary, LeaseKind, Outcome, Paths
from vidproc.protocol.job_messages import Description

NOW = 1_800_000_000.0
DONE = JobSummary(
    "0123456789abcdef", JobState.DONE, "in.mp4", ("blur", "edges"), "mp4", NOW - 100, NOW - 40.5, 60, 60, 5_000_000,
    1_250_000, True,
)  # fmt: skip
RUNNING = replace(DONE, id="fedcba9876543210", state=JobState.RUNNING, ended_at=None, frames_done=12, result_size=0)
SPEC = JobSpec((FilterSpec("blur", {"ksize": 9}), FilterSpec("custom", {"n": 3}, "", "mine")), codec="h265")


def told(summary: JobSummary = DONE, **changes: Any) -> Description:
    given = {
        "request": 1, "summary": summary, "job": SPEC, "sha256": "a" * 64, "result_sha256": "b" * 64,
        "paths": Paths("/home/ann/in.mp4"), "folder": "/data/jobs/0",
    }  # fmt: skip
    return Description(**{**given, **changes})


def attempt(outcome: Outcome = Outcome.DONE, **changes: Any) -> Attempt:
    return replace(Attempt(LeaseKind.CHUNK, 3, 1, "w", 0, NOW - 90, NOW - 80.25, outcome), **changes)


def details(it: Description, *attempts: Attempt, **metrics: Any) -> dict[str, list[str]]:
    """What is said, by the words at the lines' beginnings."""
    said: dict[str, list[str]] = {}
    name = ""
    for line in job_views.details(it, metrics, attempts, NOW):
        name = line[:10].strip() or name
        said.setdefault(name, []).append(line[11:])
    return said


FELL_BACK = {"total": 2, "by_frame": {"3": "it raised", "4": "it raised"}}


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_table_is_no_wider_than_it_may_be(width: int) -> None:
    strange = replace(DONE, id="00", name="\N{GREEK SMALL LETTER ALPHA}\n\x1b[31m" * 90, frames_done=10**9)
    jobs = [DONE, RUNNING, strange]
    lines = list(job_views.table(jobs, width, NOW))
    assert len(lines) == 4
    assert max(map(len, lines)) <= width
    assert all(line.isprintable() for line in lines)
    if width < 200:
        assert lines[3].endswith("…")


def test_a_job_in_a_line() -> None:
    head, done, running = job_views.table([DONE, RUNNING], 80, NOW)
    assert head.startswith("ID        STATE    SUBMITTED    TOOK  FRAMES  FILM AND FILTERS")
    assert done.split()[:2] == ["01234567", "done"]
    assert done.endswith("1:00  60      in.mp4: blur, edges")
    assert running.endswith("1:40  12/60   in.mp4: blur, edges")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00"), (90061, "25:01:01")]
)
def test_how_long_a_job_took(seconds: float, said: str) -> None:
    (_, line) = job_views.table([replace(DONE, ended_at=DONE.submitted_at + seconds)], 80, NOW)
    assert line.split()[4] == said


def test_ids_are_as_short_as_tells_them_apart() -> None:
    assert job_views.short_ids(["0" * 16, "1" * 16]) == {"0" * 16: "0" * 8, "1" * 16: "1" * 8}
    long = ["0123456789aa", "0123456789ab"]
    assert job_views.short_ids(long) == dict(zip(long, long, strict=True))
    assert job_views.short_ids([]) == {}
    assert job_views.short_ids(["0", "0"]) == {"0": "0"}
    assert job_views.short_ids([*long, long[0]]) == dict(zip(long, long, strict=True))


def test_json_has_times_of_the_whole_world() -> None:
    told_of = job_views.summary_json(DONE)
    assert (told_of["submitted_at"], told_of["ended_at"]) == (
        "2027-01-15T07:58:20.000+00:00", "2027-01-15T07:59:19.500+00:00"
    )  # fmt: skip
    assert job_views.summary_json(RUNNING)["ended_at"] is None


def test_all_of_a_job_is_fit_for_json() -> None:
    attempts = [attempt(), attempt(Outcome.RUNNING, ended_at=None)]
    made = json.loads(json.dumps(job_views.details_json(told(), {"frames_out": 60}, attempts)))
    assert made["job"]["filters"][0] == {"name": "blur", "params": {"ksize": 9}, "code": "", "function": ""}
    assert made["error"] is None
    assert made["metrics"] == {"frames_out": 60}
    assert made["attempts"][0] == {
        "kind": "chunk", "chunk": 3, "attempt": 1, "worker": "w", "slot": 0,
        "began_at": "2027-01-15T07:58:30.000+00:00", "ended_at": "2027-01-15T07:58:39.750+00:00",
        "outcome": "done", "code": "", "message": "", "second": False,
    }  # fmt: skip
    assert made["attempts"][1]["ended_at"] is None
    failed = job_views.details_json(told(replace(DONE, code="filter", message="no")), {}, ())
    assert (failed["error"], failed["metrics"]) == ({"code": "filter", "message": "no"}, None)


def test_all_of_a_job_for_people() -> None:
    failures = [attempt(Outcome.FAILED, attempt=n, code="filter", message="it\nraised") for n in range(12)]
    said = details(told(), attempt(), attempt(worker="v"), *failures, losses=["no cover"], fallback_frames=FELL_BACK)
    assert said["job"] == ["0123456789abcdef"]
    assert said["film"] == ["in.mp4, 5.0 MB", "SHA-256 " + "a" * 64, "/home/ann/in.mp4"]
    assert said["filters"] == ["blur:ksize=9, custom function mine:n=3"]
    assert said["result"] == ["mp4, h265, 1.2 MB: vidproc jobs fetch 01234567 --out FILE", "SHA-256 " + "b" * 64]
    assert said["worker"] == ["v: 1 done", "w: 1 done, 12 failed"]
    assert said["failure"][0] == "chunk 3, attempt 0, at w, slot 0: failed: it raised"
    assert said["failure"][10:] == ["and 2 more: --json lists them all"]
    assert said["note"] == ["no cover"]
    assert said["fallback"] == ["frames 3, 4 fell back: it raised"]
    assert "error" not in said


def test_a_job_that_failed_and_one_whose_result_is_gone() -> None:
    failed = details(told(replace(RUNNING, state=JobState.FAILED, message="\x1b]0;it raised"), result_sha256=""))
    assert failed["state"] == ["failed"]
    assert failed["error"] == ["?]0;it raised"]
    assert failed["result"] == ["mp4, h265"]
    gone = details(told(replace(DONE, result_held=False, detached=True)))
    assert gone["result"][0] == "mp4, h265, 1.2 MB: no longer here"
    assert gone["state"] == ["done, detached"]
