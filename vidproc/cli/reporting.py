"""What a client's programs show: a bar on a terminal, plain lines elsewhere, and the figures at the end."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from vidproc.client.news import Downloading, Listener, News, Reconnecting, SubmittedAgain, Uploading
from vidproc.errors import StorageError, one_line
from vidproc.protocol.messages import Progress
from vidproc.quantities import as_clock, counted, size_in_words

_LINE_EVERY_S = 2.0
_MOST_REASONS = 3
_MOST_FRAMES = 5
"""Of one reason."""


@contextlib.contextmanager
def progress(quiet: bool) -> Iterator[Listener]:
    """A listener for a job's news."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _Bar() as bar:
            yield bar.tell
    else:
        yield _Lines().tell


def sentence(news: News) -> str:
    """One piece of news in words."""
    match news:
        case Uploading(sent, size, frames):
            done = f", {counted(frames, 'frame')} done" if frames else ""
            return f"uploading {_percent(sent, size)}{done}"
        case Downloading(received, size):
            return f"downloading {_percent(received, size)}"
        case Reconnecting(reason):
            return f"connection lost ({one_line(reason)}), trying again"
        case SubmittedAgain(reason):
            return f"submitting the job again ({one_line(reason)}); what is there of the film is not sent again"
        case Progress() if news.waiting:
            return f"waiting: {one_line(news.waiting)}"
        case Progress():
            of = f" of {news.frames_total}" if news.frames_total else ""
            return f"{news.state}: {news.frames_done}{of} frames, {news.fps:.1f} fps{_left(news)}"


def _percent(done: int, of: int) -> str:
    return f"{100 * done // max(1, of)} % of {size_in_words(of)}"


def _left(news: Progress) -> str:
    if not (news.fps > 0 and news.frames_total > news.frames_done):
        return ""
    return f", {as_clock((news.frames_total - news.frames_done) / news.fps)} left"


class _Lines:
    """A line when something changes, and every two seconds while nothing does."""

    def __init__(self) -> None:
        self._said: tuple[object, ...] = ()
        self._said_at = 0.0

    def tell(self, news: News) -> None:
        subject = (type(news), getattr(news, "state", ""), getattr(news, "waiting", ""))
        now = time.monotonic()
        if subject != self._said or now - self._said_at >= _LINE_EVERY_S:
            self._said, self._said_at = subject, now
            print(sentence(news), file=sys.stderr, flush=True)


class _Bar:
    """rich's bar; it is imported only here, where there is a terminal to draw it on."""

    def __enter__(self) -> _Bar:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as Bars

        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
        self._bars = Bars(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bars.add_task("connecting", total=None)
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def tell(self, news: News) -> None:
        match news:
            case SubmittedAgain():  # this is to be seen for longer than the next news takes to come
                self._bars.console.print(sentence(news), markup=False, highlight=False)
                return
            case Uploading(done, total, _) | Downloading(done, total):
                pass
            case Progress():
                done, total = news.frames_done, news.frames_total
            case _:
                done, total = 0, 0
        self._bars.update(self._task, description=sentence(news), completed=done, total=total or None)


def conclude(metrics: Mapping[str, Any], given: argparse.Namespace) -> None:
    """Write the figures where they were asked for, and say what came of the job."""
    if given.metrics_json:
        write_json(given.metrics_json, metrics)
    if given.quiet:
        return
    slow = metrics["bottleneck"]
    print(
        f"{one_line(given.out)}: {counted(metrics['frames_out'], 'frame')} in {metrics['wall_s']:.2f} s, "
        f"{metrics['processing_fps']:.1f} fps, {size_in_words(metrics['bytes_out'])}, "
        f"{_retries(metrics)}{_fallen_back(metrics)}; "
        f"{slow['share']:.0%} of the time went to {slow['part']}",
        file=sys.stderr,
    )
    for loss in metrics["losses"]:
        print(f"note: {one_line(loss)}", file=sys.stderr)
    for said in fallbacks(metrics["fallback_frames"]):
        print(f"note: {one_line(said)}", file=sys.stderr)


def fallbacks(figures: Mapping[str, Any]) -> Iterator[str]:
    """Which frames fell back, and why: the first few reasons, and of each the first few frames."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for frame, reason in figures.get("by_frame", {}).items():
        by_reason[reason].append(frame)
    named = 0
    for reason, frames in islice(by_reason.items(), _MOST_REASONS):
        named += len(frames)
        yield f"{_frames(frames)} fell back: {reason}"
    if named < figures["total"]:
        yield f"{counted(figures['total'] - named, 'more frame')} fell back"


def _frames(named: Sequence[str]) -> str:
    more = f" and {len(named) - _MOST_FRAMES} more" if len(named) > _MOST_FRAMES else ""
    return f"{'frame' if len(named) == 1 else 'frames'} {', '.join(named[:_MOST_FRAMES])}{more}"


def _retries(metrics: Mapping[str, Any]) -> str:
    total = metrics["retries"]["total"]
    return "1 retry" if total == 1 else f"{total} retries"


def _fallen_back(metrics: Mapping[str, Any]) -> str:
    count = metrics["fallback_frames"]["total"]
    return f", {counted(count, 'frame')} fell back" if count else ""


def write_json(path: str, metrics: Mapping[str, Any]) -> None:
    try:
        Path(path).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"--metrics-json {path}: {error.strerror}") from None
