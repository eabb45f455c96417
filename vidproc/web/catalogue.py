"""What can be asked for: the filters with their parameters."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from vidproc import filters


def router() -> APIRouter:
    made = APIRouter(tags=["filters"])

    @made.get("/filters", summary="All filters, with a JSON Schema of the parameters of each, by name")
    async def all_filters() -> dict[str, dict[str, Any]]:
        return {name: filters.schema(name) for name in filters.names()}

    @made.get("/filters/{name}", summary="The JSON Schema of a filter's parameters")
    async def one_filter(name: str) -> dict[str, Any]:
        return filters.schema(name)

    return made
