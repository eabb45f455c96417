"""What `vidproc top` shows of what it sees."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from tests.protocol.examples import messages
from vidproc.cli.top_view import Frame, LastSeen, as_json, picture
from vidproc.client.looking import Seen
from vidproc.client.news import Reconnecting
from vidproc.model import JobState
from vidproc.protocol.status_messages import Status
from vidproc.status import JobBrief, WorkerNow

pytestmark = pytest.mark.unit
AT = 1_800_000_000.0


def job(number: int = 0, **changes: Any) -> JobBrief:
    job_id, name = f"{number:x}123456789abcdef"[:16], f"film {number}.mp4"
    return replace(JobBrief(job_id, JobState.RUNNING, name, 450, 1800, 45.25, 29.8, "", 3), **changes)


def worker(name: str = "alder", **changes: Any) -> WorkerNow:
    return replace(WorkerNow(name, 4, 3, False, 30.5, 900, 310.4, 640.0, 0.0, {"vidproc": "0.1.0"}, AT), **changes)


def seen(*rows: JobBrief | WorkerNow, **changes: Any) -> Seen:
    jobs = tuple(it for it in rows if isinstance(it, JobBrief))
    workers = tuple(it for it in rows if isinstance(it, WorkerNow))
    status = Status(1, 7323.0, 8, 6, 61.04, 41, workers, len(workers), jobs, len(jobs))
    return Seen("kumi", "0.1.0", replace(status, **changes))


def drawn(it: Seen, width: int = 100, **frame: Any) -> list[str]:
    return picture(it, Frame(width, **frame)).plain.split("\n")


def test_jobs_and_daemons() -> None:
    uploading = job(2, state=JobState.UPLOADING, frames_done=0, frames_total=0, fps=0.0, seconds_left=None, slots=0)
    assert drawn(seen(job(1), uploading, worker(), worker("birch", busy=0, fps=0.0, cpu_percent=None))) == [
        "kumi  vidproc 0.1.0, up 2:02:03",
        "61.0 fps, 6 of 8 slots busy, 2 jobs, 41 chunks queued, 2 workers",
        "",
        "JOB       STATE      PROGRESS                  FRAMES   FPS  LEFT  SLOTS  FILM",
        "11234567  running    ━━━━────────────  25 %  450/1800  45.2  0:30      3  film 1.mp4",
        "21234567  uploading                                                       film 2.mp4",
        "",
        "WORKER  SLOTS   FPS    CPU    MEMORY  FRAMES  VERSION",
        "alder     3/4  30.5  310 %  640.0 MB     900  0.1.0",
        "birch     0/4   0.0         640.0 MB     900  0.1.0",
    ]


def test_nothing_goes_on() -> None:
    assert drawn(seen())[3:] == ["no jobs", "", "no worker daemon is connected"]


def test_what_few_daemons_have_is_shown_where_one_has_it() -> None:
    titles, one, other = drawn(seen(worker(), worker("birch", rate_limit=64.0, draining=True)))[-3:]
    assert titles.split() == ["WORKER", "SLOTS", "FPS", "CPU", "MEMORY", "LIMIT", "FRAMES", "VERSION"]
    assert other.split()[-4:] == ["64.0", "900", "0.1.0", "draining"]
    assert "draining" not in one


def test_narrow_terminals_lose_what_matters_least() -> None:
    here = seen(job(name="a film with a name that is rather long.mp4"), worker("a-daemon-on-some-host.example.org"))
    assert drawn(here, 60)[3:] == [
        "JOB       STATE    PROGRESS          LEFT  FILM",
        "01234567  running  ━━────────  25 %  0:30  a film with a na…",
        "",
        "WORKER                 SLOTS   FPS    CPU    MEMORY  VERSION",
        "a-daemon-on-some-hos…    3/4  30.5  310 %  640.0 MB  0.1.0",
    ]
    assert drawn(here, 20)[3:5] == ["FILM", "a film with a name …"]


def test_why_jobs_wait_is_said_once() -> None:
    idle = {"frames_done": 0, "fps": 0.0, "seconds_left": None, "slots": 0}
    waits = [job(n, waiting="all slots are busy with other jobs", **idle) for n in (2, 3)]
    lines = drawn(seen(job(1), *waits, job(4, waiting="no connected daemon runs custom code", **idle)))
    assert [line.split()[1] for line in lines[4:8]] == ["running", "waiting", "waiting", "waiting"]
    assert lines[8:10] == [
        "2 jobs wait: all slots are busy with other jobs",
        "41234567 waits: no connected daemon runs custom code",
    ]
    assert drawn(seen(*waits))[6] == "all jobs wait: all slots are busy with other jobs"


@pytest.mark.parametrize("height", [12, 16, 24, 60])
def test_a_low_terminal_shows_the_first_and_says_how_many_more(height: int) -> None:
    jobs, workers = [job(n) for n in range(15)], [worker(f"w{n}") for n in range(15)]
    lines = drawn(seen(*jobs, *workers, jobs_total=15, workers_total=70), height=height, foot="q quits")
    assert len(lines) == height
    assert lines[-1] == "q quits"
    shown_jobs = sum(" running " in line for line in lines)
    shown_workers = sum(line.startswith("w") for line in lines)
    more = [line for line in lines if line.startswith("and ")]
    assert more == [f"and {n} more" for n in (15 - shown_jobs, 70 - shown_workers) if n]
    assert shown_jobs >= shown_workers > 0
    assert (shown_jobs, shown_workers) == (15, 15) or height < 60


def test_the_last_that_was_seen_stays_while_the_coordinator_is_gone() -> None:
    last = LastSeen()
    assert last.picture(80, 24).plain == ""
    last.note(seen(job(), worker()), AT)
    before = last.picture(80, 24).plain.split("\n")
    assert before[0].startswith("kumi  vidproc 0.1.0, up 2:02:03   ")
    assert len(before[0]) == 80
    assert before[-1] == "q quits"
    last.note(Reconnecting("the connection\nended"), AT + 5)
    after = last.picture(80, 24).plain.split("\n")
    assert after[1] == "connection lost (the connection ended), trying again"
    assert [*after[:1], *after[2:]] == [*before[:1], *before[2:]]
    last.note(seen(job(), worker()), AT + 9)
    assert last.picture(80, 24).plain.split("\n")[1:] == before[1:]


def test_no_name_moves_the_cursor() -> None:
    evil = "\x1b[2J\x9b1mfilm\r\n\tmore\u202e"
    here = replace(
        seen(job(id=evil, name=evil, waiting=evil), worker(evil, versions={"vidproc": evil})), name=evil, version=evil
    )
    for line in drawn(here, 200):
        assert line.isprintable()


@given(messages(Status), st.text(max_size=20), st.integers(1, 200), st.integers(1, 60), st.text(max_size=9))
@settings(max_examples=200)
def test_whatever_a_coordinator_says_fits(told: Status, name: str, width: int, height: int, trouble: str) -> None:
    lines = drawn(Seen(name, name, told), width, height=height, trouble=trouble, foot="q quits", clock="12:00:00")
    assert len(lines) <= height
    for line in lines:
        assert line.isprintable()
        assert cell_len(line) <= width


def test_for_programs_it_is_one_line_of_json() -> None:
    line = json.dumps(as_json(seen(job(name="Überraschung\n"), worker()), AT))
    assert line.isascii()
    told = json.loads(line)
    assert (told["at"], told["coordinator"], told["version"]) == ("2027-01-15T08:00:00.000+00:00", "kumi", "0.1.0")
    assert (told["fps"], told["jobs_total"], told["workers_total"]) == (61.04, 1, 1)
    assert told["jobs"][0]["name"] == "Überraschung\n"
    assert told["jobs"][0]["state"] == "running"
    assert told["workers"][0]["joined_at"] == "2027-01-15T08:00:00.000+00:00"
    assert "request" not in told
