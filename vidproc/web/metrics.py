"""The coordinator in figures, for monitors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder

from vidproc.coordinator.view import View
from vidproc.web.exposition import Exposition, Seen
from vidproc.web.schemas import MetricFamily, MetricPage

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
        found = await registry()
        if "application/json" in accept:
            return Response((await asyncio.to_thread(_json, found)).model_dump_json(), media_type="application/json")
        encode, kind = choose_encoder(accept)
        return Response(await asyncio.to_thread(encode, found), headers={"content-type": kind})

    @made.get("/metrics.json", summary="The same as JSON")
    async def metrics_json() -> MetricPage:
        return await asyncio.to_thread(_json, await registry())

    return made


def _json(registry: CollectorRegistry) -> MetricPage:
    return MetricPage(metrics=[_family(each) for each in registry.collect()])


def _family(it: Metric) -> MetricFamily:
    samples: Sequence[dict[str, Any]] = [
        {"name": each.name, "labels": each.labels, "value": each.value} for each in it.samples
    ]
    return MetricFamily.model_validate({"name": it.name, "type": it.type, "help": it.documentation, "samples": samples})
