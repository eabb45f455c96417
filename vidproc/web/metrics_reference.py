"""docs/prometheus.md: the table of metrics for people."""

from __future__ import annotations

from vidproc.coordinator.tally import MOST_WORKERS, OTHERS, WORKER_LOST
from vidproc.web.exposition import FAMILIES, Family

_PAGE = f"""\
# Metrics for Prometheus

Made from the coordinator's own table by `make docs`.

`GET /metrics` at the port of the pages (`--preview-port`) tells what follows as Prometheus' text, as OpenMetrics to
those who accept that, and as JSON to those who ask for `application/json`; so does `/metrics.json`. Where the
coordinator has a token it is wanted, as a bearer token or as the password. What is counted begins at 0 with each start
of the coordinator and outlives jobs and workers; what can be known only of one that is connected is told of those.

Labels have few values: nothing is told by job or by film. Of workers the first {MOST_WORKERS} that are connected have
a name of their own; what others do, and what still comes of those that have left, counts as worker `{OTHERS}`. Reasons
are the codes of errors, or `{WORKER_LOST}`. Parts are those of [a job's figures](metrics.md). Beside these there are
`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds` and the like, of the coordinator's own
process.

`deploy/` has what to scrape, alerts, and a Grafana board; `docker compose --profile monitoring up` starts them.

| metric | kind | label | meaning |
| --- | --- | --- | --- |"""


def page() -> str:
    """It in Markdown."""
    rows = (f"| `{it.name}` | {_kind(it)} | {f'`{it.label}`' if it.label else ''} | {it.says} |" for it in FAMILIES)
    return "\n".join([_PAGE, *rows, ""])


def _kind(it: Family) -> str:
    return it.kind.__name__.removesuffix("MetricFamily").lower()
