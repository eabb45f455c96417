"""What there is to ask a coordinator about its jobs, past and present. Each function is one connection.

`job_id` may be the beginning of an id. All raise `UnknownJobError` for a job that is none, `ClientError` for a
beginning that several share, and what connecting raises.
"""

from __future__ import annotations

from collections.abc import Sequence

from vidproc.client.endpoint import Endpoint
from vidproc.client.lasting import answer, next_message, open_session
from vidproc.model import Attempt, JobState, JobSummary
from vidproc.protocol.job_messages import (
    PAGE,
    Attempts,
    Describe,
    Description,
    Jobs,
    ListAttempts,
    ListJobs,
    Remove,
    Removed,
    Rerun,
)
from vidproc.protocol.messages import Accepted, Cancel, Finished, Watch

_REQUEST = 1


async def listed(endpoint: Endpoint, limit: int, state: JobState | None = None, before: str = "") -> list[JobSummary]:
    """The newest jobs, at most `limit`: those in `state`, if it is given, and submitted before the job `before`."""
    found: list[JobSummary] = []
    async with await open_session(endpoint) as session:
        while len(found) < limit:
            question = ListJobs(_REQUEST, min(PAGE, limit - len(found)), state, before)
            page = await answer(session, question, Jobs)
            found += page.jobs
            if not (page.more and page.jobs):
                break
            before = page.jobs[-1].id
    return found


async def described(endpoint: Endpoint, job_id: str) -> Description:
    async with await open_session(endpoint) as session:
        return await answer(session, Describe(_REQUEST, job_id), Description)


async def attempts(endpoint: Endpoint, job_id: str) -> Sequence[Attempt]:
    """Which slots were given which of its chunks."""
    found: list[Attempt] = []
    async with await open_session(endpoint) as session:
        while True:
            page = await answer(session, ListAttempts(_REQUEST, job_id, len(found)), Attempts)
            found += page.attempts
            if not page.attempts or len(found) >= page.total:
                return found


async def rerun(endpoint: Endpoint, job_id: str, detached: bool) -> str:
    """The id of a new job, which does the same again."""
    async with await open_session(endpoint) as session:
        return (await answer(session, Rerun(_REQUEST, job_id, detached), Accepted)).job_id


async def remove(endpoint: Endpoint, job_id: str) -> str:
    """Forget a job that has ended, and its result; its whole id."""
    async with await open_session(endpoint) as session:
        return (await answer(session, Remove(_REQUEST, job_id), Removed)).job_id


async def cancel(endpoint: Endpoint, job_id: str) -> JobState:
    """Stop the job of this id, whole; how it ended then."""
    async with await open_session(endpoint) as session:
        await session.send(Cancel(job_id))
        await session.send(Watch(job_id))
        while not isinstance(message := (await next_message(session))[0], Finished):
            pass
    return message.state
