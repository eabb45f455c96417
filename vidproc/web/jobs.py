"""Jobs over HTTP: list, look, cancel, run again, remove."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from vidproc.coordinator.view import View
from vidproc.model import JobState
from vidproc.protocol.job_messages import PAGE
from vidproc.protocol.structure import to_plain
from vidproc.web.schemas import Attempt, AttemptPage, JobDetails, JobPage, JobSummary

_FURTHEST = 2**31 - 1


def router(view: View) -> APIRouter:
    made = APIRouter(prefix="/jobs", tags=["jobs"])

    @made.get("", summary="The newest jobs")
    async def list_jobs(
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE, before: str = "", state: JobState | None = None
    ) -> JobPage:
        found = await view.jobs(limit, before, state)
        return JobPage(jobs=[JobSummary(**to_plain(job)) for job in found.jobs], more=found.more)

    @made.get("/{job_id}", summary="One job: what was asked, how far it is, how it ended")
    async def show_job(job_id: str) -> JobDetails:
        return await details(view, job_id)

    @made.get("/{job_id}/attempts", summary="Who had which of its chunks, and what came of that")
    async def list_attempts(job_id: str, offset: Annotated[int, Query(ge=0, le=_FURTHEST)] = 0) -> AttemptPage:
        """Of jobs that ended long ago too: retries and their reasons. A page begins at `offset`."""
        found, total = await view.attempts(job_id, offset)
        return AttemptPage(attempts=[Attempt(**to_plain(it)) for it in found], total=total)

    @made.post("/{job_id}/cancel", status_code=204, summary="Stop a job")
    async def cancel_job(job_id: str) -> Response:
        await view.cancel(job_id)
        return Response(status_code=204)

    @made.post("/{job_id}/rerun", status_code=201, summary="A new job that does the same")
    async def rerun_job(job_id: str) -> JobSummary:
        return JobSummary(**to_plain(await view.rerun(job_id)))

    @made.delete("/{job_id}", status_code=204, summary="Forget a job that has ended, with its result")
    async def remove_job(job_id: str) -> Response:
        await view.remove(job_id)
        return Response(status_code=204)

    return made


async def details(view: View, job_id: str) -> JobDetails:
    """All that is known of a job but for what goes on at this moment."""
    found = await view.job(job_id)
    ended = await view.end(found.summary.id) if found.summary.state.final else None
    metrics: dict[str, Any] = dict(ended.metrics) if ended else {}
    return JobDetails(**to_plain(found.summary), source=found.sha256, job=to_plain(found.job), metrics=metrics)
