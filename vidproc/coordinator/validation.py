"""Is a job good? Asked before a byte of its source is sent; a refusal names what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from vidproc.config import CoordinatorSettings
from vidproc.errors import ClientError
from vidproc.media import output_codecs, output_format
from vidproc.model import ON_ERROR, FilterSpec, JobSpec
from vidproc.pipelines import files
from vidproc.pipelines import plan as pipelines

_AUDIO = ("copy", "none")
_ON_DECODE_ERROR = ("conceal", "fail")


def completed(job: JobSpec, settings: CoordinatorSettings) -> JobSpec:
    """The job with this coordinator's own choice of what its client left open."""
    filters = job.filters or (FilterSpec(settings.default_processing),)
    return replace(job, filters=filters, codec=job.codec or output_codecs.choice(job.container, settings.codec))


def check_defaults(settings: CoordinatorSettings) -> None:
    """Raises `ClientError` when the coordinator's own choices make no good job."""
    output_codecs.codec(settings.codec)
    check(completed(JobSpec(filters=(), codec=""), settings))


def check(job: JobSpec) -> None:
    """Raises `ClientError` or one of its kinds. No code of a custom filter is run, and no file is looked into."""
    pipelines.check(job.filters)
    files.check_sizes(job.filters, job.files)
    output_format.check_settings(job)
    _one_of("audio", job.audio, _AUDIO)
    _one_of("on-decode-error", job.on_decode_error, _ON_DECODE_ERROR)
    _one_of("on-error", job.on_error, ON_ERROR)
    if job.start is not None and not 0 <= job.start < float("inf"):
        raise ClientError(f"start {job.start:g} must be 0 s or more")
    if job.duration is not None and not 0 < job.duration < float("inf"):
        raise ClientError(f"duration {job.duration:g} must be more than 0 s")


def check_files(job: JobSpec, came: Mapping[str, bytes]) -> None:
    """Whether its files have the sizes that it says: daemons go by those. Raises `ClientError`."""
    for sha256, data in came.items():
        if len(data) != job.files[sha256]:
            raise ClientError(f"the file {sha256} has {len(data)} bytes, and not {job.files[sha256]}")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ClientError(f"{name} {value!r} is not one of {', '.join(choices)}")
