"""What `vidproc top` shows, as lines of text: a function of what was seen, and of the room there is.

All that others chose is written through `one_line`, so that no name moves the cursor, and numbers through `_number`,
since they may be any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from rich.text import Text

from vidproc.cli.fitting import Column, table
from vidproc.cli.job_views import iso, short_ids
from vidproc.cli.reporting import sentence
from vidproc.client.looking import Seen
from vidproc.client.news import News
from vidproc.errors import one_line
from vidproc.model import JobState
from vidproc.protocol.status_messages import Status
from vidproc.protocol.structure import to_plain
from vidproc.quantities import as_clock, size_in_words
from vidproc.status import JobBrief, WorkerNow

_ENDLESS = 1 << 31
_LARGEST = 1e12
_MOST_REASONS = 3
_LEAST_BAR, _LONGEST_BAR = 8, 30
_COLOURS = {JobState.RUNNING: "green", JobState.MUXING: "cyan"}


class Frame(Struct, frozen=True):
    """What is around the tables: `clock` at the right, `foot` at the end; `trouble` where the sums are, if what is
    shown was seen last and is not what goes on now. Nothing is taller than `height`."""

    width: int
    height: int = _ENDLESS
    clock: str = ""
    foot: str = ""
    trouble: str = ""


class LastSeen:
    """What was seen last, and whether anything is wrong since; before that, an empty picture."""

    def __init__(self) -> None:
        self._seen: Seen | None = None
        self._clock = self._trouble = ""

    def note(self, news: Seen | News, at: float) -> None:
        """`at` is the moment, in seconds since 1970."""
        if isinstance(news, Seen):
            self._seen, self._trouble = news, ""
            self._clock = datetime.fromtimestamp(at).strftime("%H:%M:%S")
        else:
            self._trouble = sentence(news)

    def picture(self, width: int, height: int) -> Text:
        if self._seen is None:
            return Text()
        return picture(self._seen, Frame(width, height, self._clock, "q quits", self._trouble))


def as_json(seen: Seen, at: float) -> dict[str, Any]:
    """What was seen at that moment, for programs."""
    plain = to_plain(seen.status)
    del plain["request"]
    for worker in plain["workers"]:
        worker["joined_at"] = iso(worker["joined_at"])
    return {"at": iso(at), "coordinator": seen.name, "version": seen.version, **plain}


def picture(seen: Seen, frame: Frame) -> Text:
    room = frame.height - 4 - bool(frame.foot)
    jobs, workers = _jobs(seen.status, frame.width, room), _workers(seen, frame.width)
    for_workers = min(len(workers), max(room - len(jobs), room // 3, min(3, room // 2)))
    body = [*jobs.cut(room - for_workers), Text(), *workers.cut(for_workers)]
    if frame.trouble:
        body = [Text(line.plain, style="dim") for line in body]
    lines = [_title(seen, frame), _sums(seen.status, frame.trouble), Text(), *body]
    if frame.foot:
        blank = max(0, frame.height - len(lines) - 1) if frame.height < _ENDLESS else 0
        lines += [*[Text()] * blank, Text(frame.foot, style="dim")]
    for line in lines:
        line.truncate(frame.width, overflow="ellipsis")
    return Text("\n", no_wrap=True).join(lines[: frame.height])


def _title(seen: Seen, frame: Frame) -> Text:
    line = Text(one_line(seen.name), style="bold")
    line.append(f"  vidproc {one_line(seen.version)}, up {_clock(seen.status.up_s)}", style="not bold")
    blank = frame.width - line.cell_len - len(frame.clock)
    return line.append(" " * blank + frame.clock, style="not bold") if frame.clock and blank > 1 else line


def _sums(it: Status, trouble: str) -> Text:
    if trouble:
        return Text(one_line(trouble), style="bold red")
    said = [f"{_fps(it.fps)} fps", f"{_number(it.busy)} of {_counted(it.slots, 'slot')} busy"]
    said += [_counted(it.jobs_total, "job"), f"{_counted(it.queued, 'chunk')} queued"]
    return Text(", ".join([*said, _counted(it.workers_total, "worker")]))


# Tables


class _Table(Struct, frozen=True):
    """Titles and rows, of which there are `total`, and `notes` under them."""

    lines: Sequence[Text]
    total: int
    notes: Sequence[Text] = ()

    def __len__(self) -> int:
        return len(self.lines) + len(self.notes) + (self.total > len(self.lines) - 1)

    def cut(self, room: int) -> Sequence[Text]:
        if len(self) <= room and self.total <= len(self.lines) - 1:
            return [*self.lines, *self.notes]
        kept = self.lines[: max(1, room - len(self.notes) - 1)]
        more = Text(f"and {_number(self.total - len(kept) + 1)} more", style="dim")
        return [*kept, more, *self.notes][: max(0, room)]


def _jobs(it: Status, width: int, room: int) -> _Table:
    if not it.jobs:
        return _Table([Text("no jobs", style="dim")], 0)
    short = short_ids([job.id for job in it.jobs])
    columns = _job_columns(short, max(_LEAST_BAR, min(_LONGEST_BAR, width // 6)))
    notes = list(_waits(it.jobs, short))[: max(0, min(_MOST_REASONS, (room - 6) // 4))]
    return _Table(table(columns, it.jobs, width), it.jobs_total, notes)


def _job_columns(short: Mapping[str, str], bar: int) -> list[Column[JobBrief]]:
    return [
        Column("JOB", lambda it: one_line(short[it.id]), 4),
        Column("STATE", _state, 1),
        Column("PROGRESS", lambda it: _progress(it, bar), 2),
        Column("FRAMES", _frames, 6, right=True),
        Column("FPS", lambda it: _fps(it.fps) if it.fps else "", 5, right=True),
        Column("LEFT", lambda it: "" if it.seconds_left is None else _clock(it.seconds_left), 3, right=True),
        Column("SLOTS", lambda it: _number(it.slots) if it.slots else "", 7, right=True),
        Column("FILM", lambda it: one_line(it.name), 0, least=12),
    ]


def _state(it: JobBrief) -> Text:
    return Text("waiting", style="yellow") if it.waiting else Text(str(it.state), style=_COLOURS.get(it.state, "blue"))


def _progress(it: JobBrief, width: int) -> Text:
    """A bar, and how much that is."""
    if not 0 <= it.frames_done <= it.frames_total or not it.frames_total:
        return Text()
    done = width * it.frames_done // it.frames_total
    bar = Text("━" * done, style="green").append("─" * (width - done), style="dim")
    return bar.append(f" {100 * it.frames_done // it.frames_total:3} %", style="default")


def _frames(it: JobBrief) -> str:
    of = f"/{_number(it.frames_total)}" if it.frames_total else ""
    return f"{_number(it.frames_done)}{of}" if it.frames_done or of else ""


def _waits(jobs: Sequence[JobBrief], short: Mapping[str, str]) -> Iterator[Text]:
    """Each reason with the jobs that it is of."""
    by_reason = defaultdict(list)
    for it in jobs:
        if it.waiting:
            by_reason[it.waiting].append(short[it.id])
    for reason, ids in by_reason.items():
        who = "all jobs wait" if len(ids) == len(jobs) > 1 else f"{ids[0]} waits" if len(ids) == 1 else ""
        yield Text(one_line(f"{who or f'{len(ids)} jobs wait'}: {reason}"), style="yellow")


def _workers(seen: Seen, width: int) -> _Table:
    if not seen.status.workers:
        return _Table([Text("no worker daemon is connected", style="yellow")], 0)
    return _Table(table(_worker_columns(seen.version), seen.status.workers, width), seen.status.workers_total)


def _worker_columns(version: str) -> list[Column[WorkerNow]]:
    return [
        Column("WORKER", lambda it: one_line(it.name), 0, least=20),
        Column("SLOTS", _slots, 1, right=True),
        Column("FPS", lambda it: _fps(it.fps), 2, right=True),
        Column("CPU", lambda it: "" if it.cpu_percent is None else f"{_number(it.cpu_percent)} %", 3, right=True),
        Column("MEMORY", lambda it: "" if it.memory_mb is None else _size(it.memory_mb), 4, right=True),
        Column("LIMIT", lambda it: f"{_fps(it.rate_limit)}" if it.rate_limit else "", 6, right=True),
        Column("FRAMES", lambda it: _number(it.frames), 8, right=True),
        Column("VERSION", lambda it: _version(it, version), 7),
        Column("", lambda it: Text("draining", style="yellow") if it.draining else "", 5),
    ]


def _slots(it: WorkerNow) -> Text:
    return Text(f"{_number(it.busy)}/{_number(it.slots)}", style="green" if it.busy else "")


def _version(it: WorkerNow, coordinators: str) -> Text:
    version = it.versions.get("vidproc", "")
    return Text(one_line(version), style="" if version == coordinators else "yellow")


# Numbers


def _number(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}f}" if 0 <= value < _LARGEST else "?"


def _fps(value: float) -> str:
    return _number(value, 1)


def _counted(number: int, noun: str) -> str:
    return f"{_number(number)} {noun}{'' if number == 1 else 's'}"


def _clock(seconds: float) -> str:
    return as_clock(seconds) if 0 <= seconds < _LARGEST else "?"


def _size(megabytes: float) -> str:
    return size_in_words(round(1e6 * megabytes)) if 0 <= megabytes < _LARGEST else "?"
