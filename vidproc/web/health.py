"""Whether the coordinator lives, and whether it can do a job: for those who look after machines."""

from __future__ import annotations

from fastapi import APIRouter, Response
from msgspec import to_builtins

from vidproc.coordinator.view import View
from vidproc.web.schemas import Alive, Ready


def router(view: View) -> APIRouter:
    made = APIRouter(tags=["health"])

    @made.head("/healthz", include_in_schema=False)
    @made.get("/healthz", summary="It lives: its event loop answers")
    async def healthz() -> Alive:
        return Alive(name=view.name, version=view.version, began_at=view.began_at)

    @made.head("/readyz", include_in_schema=False)
    @made.get("/readyz", summary="It can do a job", responses={503: {"model": Ready, "description": "It can't now"}})
    async def readyz(response: Response) -> Ready:
        """Part by part, with the reason; 503 when one is not ready."""
        components = [to_builtins(each) for each in await view.health()]
        ready = all(each["ready"] for each in components)
        response.status_code = 200 if ready else 503
        return Ready(ready=ready, components=components)

    return made
