"""The options that describe a job, for every program that takes one, and the job that they describe."""

from __future__ import annotations

import argparse
import math

from vidproc.client import films, specs
from vidproc.client.containers import container_of
from vidproc.errors import ClientError
from vidproc.media.output_codecs import CODECS, CONTAINERS
from vidproc.model import ON_ERROR, FilterSpec, JobSpec


def add_job_options(to: argparse.ArgumentParser) -> None:
    filters = to.add_argument_group("what to do (vidproc filters lists the filters and their parameters)")
    filters.add_argument("--processing", metavar="NAME", help="one filter by its name, such as blur")
    filters.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="of --processing; repeatable"
    )
    filters.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="NAME:NAME=VALUE,...",
        help="a filter with its parameters, or FILE.py with a function of your own; repeatable, in order; a comma "
        "within a value is written \\,",
    )
    result = to.add_argument_group("the result")
    result.add_argument("--codec", metavar="NAME", help=f"video codec: {_codecs()} (default: the coordinator's)")
    result.add_argument(
        "--crf", type=float, metavar="N", help=f"quality: less is better and larger (default: {_qualities()})"
    )
    result.add_argument(
        "--encoder-preset", metavar="NAME", help="speed of the encoder against size, such as slow (default: veryfast)"
    )
    result.add_argument(
        "--pix-fmt",
        choices=("source",),
        help="keep the depth and the chroma of the film's pixels (default: what most players of the codec show)",
    )
    result.add_argument(
        "--audio",
        choices=("copy", "none"),
        default="copy",
        help="keep the sound, as it is where the container can carry it, or drop it",
    )
    result.add_argument("--start", type=seconds, metavar="T", help="begin at this second, or H:MM:SS, of the film")
    result.add_argument("--duration", type=seconds, metavar="T", help="stop after so many seconds, or H:MM:SS")
    result.add_argument(
        "--on-decode-error",
        choices=("conceal", "fail"),
        default="conceal",
        help="fill frames that do not decode from their neighbours and list them, or fail",
    )
    result.add_argument(
        "--on-error",
        choices=ON_ERROR,
        default=ON_ERROR[0],
        help="where a filter can't do a frame, however often it is tried: show it as it was, the one before it, or "
        "black, and list it, or fail",
    )


def _codecs() -> str:
    goes_into = {codec: [name for name, row in CONTAINERS.items() if codec in row.codecs] for codec in CODECS}
    return ", ".join(f"{codec} ({' '.join(containers)})" for codec, containers in goes_into.items())


def seconds(text: str) -> float:
    """`90`, `1:30` and `0:01:30.0` alike. Raises `ValueError`."""
    *larger, last = text.split(":")
    if len(larger) > 2 or not math.isfinite(float(last)):
        raise ValueError(text)
    sixties = 0
    for part in larger:
        sixties = 60 * (sixties + int(part))
    return sixties + float(last)


def _qualities() -> str:
    return ", ".join(f"{row.name} {row.quality.default:g}" for row in CODECS.values() if row.quality)


def add_output_options(to: argparse.ArgumentParser) -> None:
    """For programs that keep the result."""
    to.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    to.add_argument("--metrics-json", metavar="FILE", help="write the job's figures there")
    to.add_argument("--quiet", action="store_true", help="say nothing but errors")


def check_outputs(options: argparse.Namespace, overwrite: bool) -> None:
    """Raises `ClientError` where what the options name could not be written, before any work is done."""
    films.check_output(options.video, options.out, overwrite)
    if options.metrics_json:
        films.check_place("--metrics-json", options.metrics_json)
        for name, other in (("the input", options.video), ("the output", options.out)):
            if films.same(options.metrics_json, other):
                raise ClientError(f"--metrics-json {options.metrics_json} is {name} itself; give it another name")


def job_of(options: argparse.Namespace, out: str) -> JobSpec:
    """The job that the options ask for. Raises `ClientError`."""
    return JobSpec(
        filters=_filters(options),
        container=container_of(out),
        codec=options.codec or "",
        crf=options.crf,
        encoder_preset=options.encoder_preset or "",
        pix_fmt=options.pix_fmt or "",
        audio=options.audio,
        on_decode_error=options.on_decode_error,
        on_error=options.on_error,
        start=options.start,
        duration=options.duration,
    )


def _filters(options: argparse.Namespace) -> tuple[FilterSpec, ...]:
    if options.processing and options.filter:
        raise ClientError("give --processing (one filter) or --filter (any number), not both")
    if options.param and not options.processing:
        raise ClientError("--param belongs to --processing; write --filter NAME:name=value")
    if options.processing:
        params = specs.parse_params(options.param)
        return (specs.with_file(FilterSpec(options.processing, params)),)
    return tuple(specs.with_file(specs.parse(text)) for text in options.filter)
