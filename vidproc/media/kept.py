"""What of a source's tags, chapters and dispositions is missing in a finished output: read back, not presumed."""

from __future__ import annotations

from pathlib import Path

from av.container import InputContainer
from av.stream import Disposition, Stream

from vidproc.media.container import open_source
from vidproc.media.stream_copy import kept_tags
from vidproc.media.track import describe, is_cover

_TRACK_TAGS = ("language", "title")


def missing(source: InputContainer, kept: list[int], chapters: int, output: Path, container: str) -> list[str]:
    """Sentences. `kept` are the numbers of the source's streams that were written, in order, covers left out."""
    losses = []
    with open_source(output, header_alone=True) as written:
        tags = {key.lower() for key in written.metadata}
        for key in kept_tags(source.metadata):
            if key.lower() not in tags:
                losses.append(f"the tag {key!r} cannot be kept in {container}")
        if len(written.chapters()) < chapters:
            losses.append(f"{chapters - len(written.chapters())} of {chapters} chapters are lost")
        tracks = [stream for stream in written.streams if _is_track(stream)]
        for index, target in zip(kept, tracks, strict=False):
            losses += _missing_of_track(source.streams[index], target)
    return losses


def _is_track(stream: Stream) -> bool:
    return stream.type in ("video", "audio", "subtitle") and not is_cover(stream)


def _missing_of_track(source: Stream, target: Stream) -> list[str]:
    losses = []
    for key in _TRACK_TAGS:
        said = source.metadata.get(key, "und" if key == "language" else None)
        if said not in (None, "und", target.metadata.get(key)):
            losses.append(f"the {key} {said!r} of {describe(source)} is lost")
    gone = Disposition(source.disposition & ~target.disposition)
    losses += [f"the mark {flag.name!r} of {describe(source)} is lost" for flag in gone]
    return losses
