"""The table of metrics: its names, and how it is read off."""

from __future__ import annotations

import pytest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from vidproc.coordinator.live import WorkerNow
from vidproc.coordinator.readings import Readings
from vidproc.coordinator.tally import MOST_WORKERS, OTHERS, Tally
from vidproc.web.exposition import FAMILIES, Exposition, Family, Seen

pytestmark = pytest.mark.unit


def worker(name: str, memory_mb: float | None = 100.0) -> WorkerNow:
    return WorkerNow(name, 2, 1, False, 10.0, 100, 150.0, memory_mb, 0.0, {}, 0.0)


def told(tally: Tally, *workers: WorkerNow, disk: int | None = None) -> dict[tuple[str, str], float]:
    """Values by name and label."""
    seen = Seen("1.0", tally, Readings({}, 0, workers, disk, disk, 0))
    samples = [sample for metric in Exposition(seen).collect() for sample in metric.samples]
    return {(each.name, next(iter(each.labels.values()), "")): each.value for each in samples}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda it: it.name)
def test_names_follow_prometheus_custom(family: Family) -> None:
    assert family.name.startswith("vidproc_")
    assert family.name.endswith("_total") == (family.kind is CounterMetricFamily)
    assert bool(family.bounds) == (family.kind is HistogramMetricFamily) == ("_seconds" in family.name[-8:])
    assert family.says.endswith(".")


def test_what_is_not_known_is_not_told() -> None:
    found = told(Tally(), worker("w", memory_mb=None))
    assert not {"vidproc_disk_free_bytes", "vidproc_worker_memory_bytes"} & {name for name, _ in found}
    assert told(Tally(), disk=7)["vidproc_disk_free_bytes", ""] == 7


def test_workers_beyond_the_first_so_many_are_one() -> None:
    tally = Tally()
    names = [f"w{number}" for number in range(MOST_WORKERS + 3)]
    for name in names:
        tally.worker_joined(name)
    found = told(tally, *map(worker, names))
    assert found["vidproc_workers", ""] == MOST_WORKERS + 3
    assert found["vidproc_worker_slots", OTHERS] == 3 * 2
    assert found["vidproc_worker_memory_bytes", OTHERS] == 3 * 100 * 2**20
    assert len([label for name, label in found if name == "vidproc_worker_slots"]) == MOST_WORKERS + 1
