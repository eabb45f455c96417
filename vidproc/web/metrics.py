"""The coordinator in figures, for monitors."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from vidproc.coordinator.view import View
from vidproc.web.exposition import Exposition, Seen
from vidproc.web.schemas import MetricFamily, MetricPage, Sample

_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/plain": {}, "application/openmetrics-text": {}, "application/json": {}},
        "description": "as asked for with Accept, text if with nothing else",
    }
}


def router(view: View) -> APIRouter:
    made = APIRouter(tags=["metrics"])
    process = ProcessCollector(registry=None)

    async def registry() -> CollectorRegistry:
        """Of this moment: nothing in it changes while a thread writes it down."""
        found = CollectorRegistry()
        found.register(Exposition(Seen(view.version, view.tally, await view.readings())))
        found.register(process)
        return found

    @made.get("/metrics", summary="For Prometheus", response_class=Response, responses=_TEXT)
    async def metrics(accept: Annotated[str, Header()] = "") -> Response:
        write, kind = next((it for name, it in _FORMATS.items() if name in accept.lower()), _PLAIN)
        return Response(await asyncio.to_thread(write, await registry()), headers={"content-type": kind})

    @made.get("/metrics.json", summary="The same as JSON", response_model=MetricPage)
    async def metrics_json() -> Response:
        return Response(await asyncio.to_thread(_json, await registry()), media_type=_JSON)

    return made


def _json(registry: CollectorRegistry) -> bytes:
    return MetricPage(metrics=[_family(each) for each in registry.collect()]).model_dump_json().encode()


def _family(it: Metric) -> MetricFamily:
    samples = [Sample(name=each.name, labels=each.labels, value=each.value) for each in it.samples]
    return MetricFamily(name=it.name, type=it.type, help=it.documentation, samples=samples)


_JSON = "application/json"
_PLAIN = (generate_latest, "text/plain; version=0.0.4; charset=utf-8")
_OPENMETRICS = "application/openmetrics-text"
_FORMATS = {
    _JSON: (_json, _JSON),
    _OPENMETRICS: (generate_openmetrics, f"{_OPENMETRICS}; version=1.0.0; charset=utf-8"),
}
"""What is accepted, how that is written, and what it is called: the first that is named at all. Who names several, as
Prometheus does, takes each of them."""
