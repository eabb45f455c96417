"""What Prometheus is told: a table of metrics, and how each is read off the coordinator.

Names follow https://prometheus.io/docs/practices/naming/: base units, `_total` for what only grows. Labels are few, and
each has few values: nothing is told by job or by film.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from vidproc.coordinator.readings import Readings
from vidproc.coordinator.tally import PARTS, WORKER_LOST, Tally
from vidproc.errors import FilterError, MediaError, OutOfMemoryError, StalledError, WorkerError
from vidproc.metrics.histogram import Histogram
from vidproc.model import ON_ERROR, JobState, Outcome
from vidproc.status import WorkerNow

_FRAME_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LAG_BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

_REASONS = (WORKER_LOST, *(it.code for it in (WorkerError, FilterError, StalledError, OutOfMemoryError, MediaError)))
"""Told from the beginning, so that the first of a kind is seen as a rise from none."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The coordinator as it is found at one moment."""

    version: str
    tally: Tally
    now: Readings


_Name = TypeVar("_Name", bound=str)
Values = float | Mapping[str, float] | Histogram | None
"""One value, or none where it isn't known; one for each value of the label; or a distribution."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric of that name. `label` is what its values are told by, if by anything."""

    kind: type[Metric]
    name: str
    says: str
    read: Callable[[Seen], Values]
    label: str = ""
    bounds: Sequence[float] = ()

    def of(self, seen: Seen) -> Metric:
        """As it is now."""
        values = self.read(seen)
        made = self.kind(self.name, self.says, labels=[self.label] if self.label else [])  # type: ignore[call-arg]
        if isinstance(values, Histogram):
            made.add_metric([], _buckets(values, self.bounds), values.sum)  # type: ignore[attr-defined]
        else:
            for labels, value in _labelled(values):
                made.add_metric(labels, value)  # type: ignore[attr-defined]
        return made


def _labelled(values: float | Mapping[str, float] | None) -> Iterator[tuple[list[str], float]]:
    if isinstance(values, Mapping):
        yield from (([name], value) for name, value in values.items())
    elif values is not None:
        yield [], values


def _buckets(values: Histogram, bounds: Sequence[float]) -> list[tuple[str, float]]:
    counts = zip(map(floatToGoString, bounds), values.up_to(bounds), strict=True)
    return [*counts, ("+Inf", values.total)]


def _from_none(names: Iterable[_Name], counts: Mapping[_Name, float]) -> dict[str, float]:
    """With a 0 for those that never happened."""
    return {**dict.fromkeys(map(str, names), 0), **{str(name): count for name, count in counts.items()}}


def _by_worker(seen: Seen, of: Callable[[WorkerNow], float | None]) -> dict[str, float]:
    """Added up where several go by one name; without those that don't tell."""
    found: dict[str, float] = {}
    for worker in seen.now.workers:
        if (value := of(worker)) is not None:
            name = seen.tally.shown_as(worker.name)
            found[name] = found.get(name, 0) + value
    return found


_GAUGE, _COUNTER, _HISTOGRAM = GaugeMetricFamily, CounterMetricFamily, HistogramMetricFamily

FAMILIES = (
    Family(
        _GAUGE, "vidproc_build_info", "The coordinator's version; always 1.",
        lambda it: {it.version: 1}, "version",
    ),
    # Jobs
    Family(
        _GAUGE, "vidproc_jobs", "Jobs that go on, by state.",
        lambda it: _from_none((state for state in JobState if not state.final), it.now.jobs), "state",
    ),
    Family(
        _COUNTER, "vidproc_jobs_ended_total", "Jobs that have ended, by state.",
        lambda it: _from_none((state for state in JobState if state.final), it.tally.jobs), "state",
    ),
    Family(
        _GAUGE, "vidproc_queue_chunks", "Chunks of all jobs that wait for a slot, or to be tried again.",
        lambda it: it.now.queued,
    ),
    # Frames
    Family(
        _COUNTER, "vidproc_frames_total", "Frames done: decoded, filtered, encoded and kept.",
        lambda it: it.tally.frames,
    ),
    Family(
        _COUNTER, "vidproc_lead_in_frames_total", "Frames decoded only because others refer to them.",
        lambda it: it.tally.lead_in_frames,
    ),
    Family(
        _HISTOGRAM, "vidproc_frame_seconds", "Time that a frame took in its slot, exact to 2 %.",
        lambda it: it.tally.frame_seconds, bounds=_FRAME_BOUNDS,
    ),
    Family(
        _COUNTER, "vidproc_slot_seconds_total", "Time of slots, by what it went to, as in the figures of a job.",
        lambda it: _from_none(PARTS, it.tally.slot_seconds), "part",
    ),
    # Faults
    Family(
        _COUNTER, "vidproc_leases_ended_total", "Leases of chunks to slots, by what came of them.",
        lambda it: _from_none((out for out in Outcome if out is not Outcome.RUNNING), it.tally.leases), "outcome",
    ),
    Family(
        _COUNTER, "vidproc_lease_failures_total", "Leases that failed or were lost, by the error's code.",
        lambda it: _from_none(_REASONS, it.tally.failures), "reason",
    ),
    Family(
        _COUNTER, "vidproc_chunk_retries_total", "Chunks leased once more, by the code of what went wrong before.",
        lambda it: _from_none(_REASONS, it.tally.retries), "reason",
    ),
    Family(
        _COUNTER, "vidproc_fallback_frames_total", "Frames that filters could not do, by what is shown instead.",
        lambda it: _from_none(ON_ERROR[:-1], it.tally.fallback_frames), "shown",
    ),
    Family(
        _COUNTER, "vidproc_second_runs_total", "Chunks that a slot was late with and another one began as well.",
        lambda it: it.tally.second_runs,
    ),
    Family(
        _COUNTER, "vidproc_second_runs_won_total", "Those that the second slot was done with first.",
        lambda it: it.tally.second_runs_won,
    ),
    # Bytes
    Family(
        _COUNTER, "vidproc_upload_bytes_total", "Bytes of films that came in.",
        lambda it: it.tally.upload_bytes + it.now.uploaded,
    ),
    Family(
        _COUNTER, "vidproc_result_bytes_total", "Bytes of the films that were made.",
        lambda it: it.tally.result_bytes,
    ),
    Family(
        _GAUGE, "vidproc_disk_free_bytes", "Room left where the data folder is.",
        lambda it: it.now.disk_free,
    ),
    Family(
        _GAUGE, "vidproc_disk_size_bytes", "Size of the disk that the data folder is on.",
        lambda it: it.now.disk_size,
    ),
    # Workers
    Family(
        _GAUGE, "vidproc_workers", "Worker daemons that are connected.",
        lambda it: len(it.now.workers),
    ),
    Family(
        _GAUGE, "vidproc_worker_slots", "Slots of a worker.",
        lambda it: _by_worker(it, lambda worker: worker.slots), "worker",
    ),
    Family(
        _GAUGE, "vidproc_worker_busy_slots", "Those that have something to do.",
        lambda it: _by_worker(it, lambda worker: worker.busy), "worker",
    ),
    Family(
        _GAUGE, "vidproc_worker_draining", "1 of a worker that takes nothing more and leaves.",
        lambda it: _by_worker(it, lambda worker: worker.draining), "worker",
    ),
    Family(
        _COUNTER, "vidproc_worker_frames_total", "Frames that a worker has done.",
        lambda it: it.tally.worker_frames, "worker",
    ),
    Family(
        _GAUGE, "vidproc_worker_cpu_cores", "Cores that a worker's processes are using.",
        lambda it: _by_worker(it, lambda worker: _scaled(worker.cpu_percent, 0.01)), "worker",
    ),
    Family(
        _GAUGE, "vidproc_worker_memory_bytes", "Memory that a worker's processes hold.",
        lambda it: _by_worker(it, lambda worker: _scaled(worker.memory_mb, 2**20)), "worker",
    ),
    # The coordinator itself
    Family(
        _HISTOGRAM, "vidproc_event_loop_lag_seconds", "By how much the coordinator's event loop was late.",
        lambda it: it.tally.loop_lag, bounds=_LAG_BOUNDS,
    ),
)  # fmt: skip


def _scaled(value: float | None, by: float) -> float | None:
    return None if value is None else value * by


class Exposition(Collector):
    """The table read off once, for whoever writes it down, on whatever thread."""

    def __init__(self, seen: Seen) -> None:
        self._metrics = [family.of(seen) for family in FAMILIES]

    def collect(self) -> Iterable[Metric]:
        return self._metrics
