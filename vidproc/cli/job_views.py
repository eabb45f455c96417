"""Jobs for people, as tables and lines, and for programs, as what JSON can hold: times there are ISO 8601, in UTC."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vidproc.cli.reporting import fallbacks
from vidproc.client import specs
from vidproc.errors import one_line
from vidproc.model import Attempt, FilterSpec, JobSpec, JobState, JobSummary, Outcome
from vidproc.protocol.job_messages import Description
from vidproc.protocol.structure import to_plain
from vidproc.quantities import as_clock, size_in_words

_SHORT = 8
"""Digits of an id that are shown, unless two jobs of a table share them."""

_MOST_FAILURES = 10


def summary_json(it: JobSummary) -> dict[str, Any]:
    return {
        "id": it.id,
        "state": str(it.state),
        "name": it.name,
        "filters": list(it.filters),
        "container": it.container,
        "submitted_at": iso(it.submitted_at),
        "ended_at": iso(it.ended_at),
        "frames_done": it.frames_done,
        "frames_total": it.frames_total,
        "bytes_in": it.size,
        "bytes_out": it.result_size,
        "result_held": it.result_held,
        "detached": it.detached,
        "error": {"code": it.code, "message": it.message} if it.code else None,
    }


def details_json(
    told: Description, metrics: Mapping[str, Any] | None, attempts: Sequence[Attempt]
) -> dict[str, Any]:
    """All there is to know of a job; `metrics` are null until it has ended well."""
    return {
        **summary_json(told.summary),
        "source_sha256": told.sha256,
        "sha256": told.result_sha256 or None,
        "source_path": told.paths.source or None,
        "result_path": told.paths.result or None,
        "folder": told.folder,
        "job": to_plain(told.job),
        "metrics": metrics or None,
        "attempts": [_attempt_json(it) for it in attempts],
    }


def _attempt_json(it: Attempt) -> dict[str, Any]:
    return {**to_plain(it), "began_at": iso(it.began_at), "ended_at": iso(it.ended_at)}


def iso(at: float | None) -> str | None:
    """A moment in seconds since 1970, as ISO 8601 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def table(jobs: Sequence[JobSummary], width: int, now: float) -> Iterator[str]:
    """A line for each job, of at most `width` columns."""
    short = short_ids([it.id for it in jobs])
    rows = [("ID", "STATE", "SUBMITTED", "TOOK", "FRAMES", "FILM AND FILTERS")]
    for it in jobs:
        rows.append((short[it.id], str(it.state), _local(it.submitted_at), _took(it, now), _frames(it), _what(it)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
        yield line if len(line) <= width else f"{line[: width - 1]}…"


def short_ids(ids: Sequence[str]) -> dict[str, str]:
    """The shortest beginnings, all of one length, that tell these apart."""
    longest, different = max(map(len, ids), default=0), len(set(ids))
    size = _SHORT
    while size < longest and len({job_id[:size] for job_id in ids}) < different:
        size += 1
    return {job_id: job_id[:size] for job_id in ids}


def details(
    told: Description, metrics: Mapping[str, Any] | None, attempts: Sequence[Attempt], now: float
) -> Iterator[str]:
    """What a person wants to know of a job, line by line."""
    it = told.summary
    yield _line("job", it.id)
    yield _line("state", str(it.state) + (", detached" if it.detached else ""))
    if it.message:
        yield _line("error", it.message)
    yield _line("film", f"{it.name}, {size_in_words(it.size)}")
    yield _line("", f"SHA-256 {told.sha256}")
    if told.paths.source:
        yield _line("", told.paths.source)
    yield _line("filters", ", ".join(_filter(spec) for spec in told.job.filters))
    yield _line("result", _result(it, told.job))
    if told.result_sha256:
        yield _line("", f"SHA-256 {told.result_sha256}")
    if told.paths.result:
        yield _line("", told.paths.result)
    yield _line("submitted", f"{_local(it.submitted_at)}, took {_took(it, now)}")
    yield _line("frames", _frames(it))
    yield _line("folder", told.folder)
    yield from (_line("worker", said) for said in _by_worker(attempts))
    yield from (_line("failure", said) for said in _failures(attempts))
    yield from (_line("note", loss) for loss in (metrics or {}).get("losses", ()))
    figures = (metrics or {}).get("fallback_frames", {"total": 0})
    yield from (_line("fallback", said) for said in fallbacks(figures))


def _line(name: str, said: str) -> str:
    return f"{name:<10} {one_line(said)}".rstrip()


def _local(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%m-%d %H:%M")


def _took(it: JobSummary, now: float) -> str:
    """From the submission to the end, or to now."""
    return as_clock(max(0.0, (now if it.ended_at is None else it.ended_at) - it.submitted_at))


def _frames(it: JobSummary) -> str:
    if it.state is JobState.DONE or not it.frames_total:
        return str(it.frames_done)
    return f"{it.frames_done}/{it.frames_total}"


def _what(it: JobSummary) -> str:
    return one_line(f"{it.name}: {', '.join(it.filters)}")


def _filter(spec: FilterSpec) -> str:
    return specs.written(f"custom function {spec.function}" if spec.function else spec.name, spec.params)


def _result(it: JobSummary, job: JobSpec) -> str:
    kind = f"{job.container}, {job.codec}" if job.codec else job.container
    if not it.result_size:
        return kind
    held = f"vidproc jobs fetch {it.id[:_SHORT]} --out FILE" if it.result_held else "no longer here"
    return f"{kind}, {size_in_words(it.result_size)}: {held}"


def _by_worker(attempts: Sequence[Attempt]) -> Iterator[str]:
    """How many chunks each has done, and what else came of those that it was given."""
    outcomes: dict[str, Counter[Outcome]] = defaultdict(Counter)
    for it in attempts:
        outcomes[it.worker][it.outcome] += 1
    for worker, counted in sorted(outcomes.items()):
        yield f"{worker}: {', '.join(f'{counted[outcome]} {outcome}' for outcome in Outcome if counted[outcome])}"


def _failures(attempts: Sequence[Attempt]) -> Iterator[str]:
    failed = [it for it in attempts if it.outcome in (Outcome.FAILED, Outcome.LOST)]
    for it in failed[:_MOST_FAILURES]:
        why = f": {it.message}" if it.message else ""
        yield f"chunk {it.chunk}, attempt {it.attempt}, at {it.worker}, slot {it.slot}: {it.outcome}{why}"
    if len(failed) > _MOST_FAILURES:
        yield f"and {len(failed) - _MOST_FAILURES} more: --json lists them all"
