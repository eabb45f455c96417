"""The routes put together: the groups of them, around them what holds for all."""

from __future__ import annotations

import os

from fastapi import FastAPI
from starlette.types import ASGIApp

from vidproc.config import CoordinatorSettings
from vidproc.coordinator.view import View
from vidproc.web import catalogue, health, jobs, live, metrics, pages, pictures, problems, results, submission, uploads
from vidproc.web.bodies import Bodies
from vidproc.web.reception import Reception

API = "/api/v1"


def make_app(view: View, settings: CoordinatorSettings) -> ASGIApp:
    """All that is served over HTTP."""
    app = FastAPI(
        title="vidproc",
        version=view.version,
        summary="Run filters over every frame of videos on all cores of your machines",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # those pages load scripts from elsewhere
        redoc_url=None,
        responses=problems.ANSWERS,
    )
    problems.install(app)
    groups = (
        catalogue.router(),
        live.router(view),
        jobs.router(view),
        pictures.router(view),
        submission.router(view),
        results.router(view),
        uploads.router(view, settings.upload_limit),
    )
    for router in groups:
        app.include_router(router, prefix=API)
    app.include_router(pictures.previews(view))
    pages.install(app, API, _worker_options(settings))
    app.include_router(health.router(view))
    app.include_router(metrics.router(view))
    return Reception(Bodies(app), settings.token, {"localhost", os.uname().nodename, settings.bind, settings.name})


def _worker_options(settings: CoordinatorSettings) -> str:
    """What a worker has to be told beside the host."""
    port = f" --port {settings.port}" if settings.port != CoordinatorSettings().port else ""
    return port + (" --token-file FILE" if settings.token else "")
