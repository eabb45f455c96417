"""The nouns of vidproc: what a job is, what a slot is asked to do, what it answers.

Plain frozen values that every room shares. They hold no behaviour beyond what can be derived from their own fields,
and import nothing of ours, so that a client, the scheduler and a slot mean the same thing by a word.

Frames are numbered by *rank*: 0 for the first displayed frame of the film, 1 for the next, whatever their times.
All frame ranges are half-open, [start, stop).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct

ParamValue = bool | int | float | str

MOST_FILTERS = 64
"""In one job. Each is a generator within the next one's, and Python nests no more than a few hundred."""

MOST_FILE_BYTES = 64 * 2**20
"""Of all files that go with one job beside its film. Daemons and slots hold them in memory."""

TIME_BYTES = 8
"""Of each rank in `ChunkTask.times`."""

ON_ERROR = ("original", "previous", "black", "fail")
"""What is shown in place of a frame that a filter can't do; or that its job fails."""

_SHA256 = re.compile("[0-9a-f]{64}")


def is_sha256(text: str) -> bool:
    """Whether this could be a SHA-256 as films, files and results are named by: 64 lower-case hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


class JobState(StrEnum):
    """Where a job is. The last three are final."""

    UPLOADING = "uploading"
    INDEXING = "indexing"
    RUNNING = "running"
    MUXING = "muxing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class LeaseKind(StrEnum):
    """What a slot can be given: a run of frames; a run of frames each on its own account, so that one that a filter
    can't do costs that one alone; or a run of frames for the part of the work that goes through the film in order."""

    CHUNK = "chunk"
    FRAME = "frame"
    STAGE = "stage"


class Outcome(StrEnum):
    """What came of leasing a piece of work to a slot. `LOST`: with its daemon, or as the coordinator stopped (of one
    that is killed nothing is told); `WITHDRAWN`: not wanted any more, since another slot was done sooner, or its job
    ended."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    WITHDRAWN = "withdrawn"


class FilterSpec(Struct, frozen=True):
    """A filter by name with its parameters; `code` is the text of a custom filter's file, `function` the name in it.

    The parameter `file` of any other filter is a path where a person writes it. In a job it is the SHA-256 of what lay
    there, as 64 lower-case hexadecimal digits: the file goes with the job.
    """

    name: str
    params: Mapping[str, ParamValue] = {}
    code: str = ""
    function: str = ""

    def __repr__(self) -> str:
        """Whatever is shown, as in an error that nobody expected, somebody's code is not."""
        code = f", <{len(self.code)} characters of code>" if self.code else ""
        return f"FilterSpec({self.name!r}, {dict(self.params)!r}{code})"


class JobSpec(Struct, frozen=True):
    """What a client asks for, apart from the source's bytes. `start` and `duration` are seconds of the film.

    An empty `codec` leaves it to the coordinator and the container, no `crf` and an empty `encoder_preset` to the
    codec. `on_error` is one of `ON_ERROR`. `pix_fmt` is "source" to keep the depth and the chroma of the film's pixels
    as far as the codec can, or empty for what most players of it show. `digest_frames` asks for a hash of the frames as
    they go into the encoder, to compare runs by. `files` are the sizes in bytes, by SHA-256, of the files that the
    filters name.
    """

    filters: tuple[FilterSpec, ...]
    container: str = "mp4"
    codec: str = "h264"
    crf: float | None = None
    encoder_preset: str = ""
    pix_fmt: str = ""
    audio: str = "copy"
    on_decode_error: str = "conceal"
    on_error: str = "original"
    start: float | None = None
    duration: float | None = None
    digest_frames: bool = False
    files: Mapping[str, int] = {}


class Colour(Struct, frozen=True):
    """How numbers become light, in FFmpeg's enumerations: 2 is 'unspecified' (0 for the range).

    `siting` is where samples of chroma lie among those of brightness, by FFmpeg's names; empty where that is not said
    or usual. `mastering` is the display that an HDR film was graded on (SMPTE ST 2086): x and y of green, blue, red and
    white in steps of 0.00002, then its brightest and its darkest light in steps of 0.0001 cd/m2; `light_level` the
    brightest pixel and the brightest frame's mean in cd/m2 (CTA-861.3). Both are empty where they are not said.
    """

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    range: int = 0
    siting: str = ""
    mastering: tuple[int, ...] = ()
    light_level: tuple[int, ...] = ()


class StreamFormat(Struct, frozen=True):
    """All a decoder needs that is not in the packets. `sar` is the sample (pixel) aspect ratio, 0 when not said."""

    codec: str
    extradata: bytes
    width: int
    height: int
    pix_fmt: str
    codec_tag: str = ""
    reorder_depth: int = 0
    bits_per_coded_sample: int = 0
    sar: Fraction = Fraction(0)
    colour: Colour = Colour()
    field_order: str = "progressive"
    frame_rate: Fraction = Fraction(25)


class EncoderSpec(Struct, frozen=True):
    """All an encoder needs. Two slots given equal specs and equal frames make equal bytes."""

    codec: str
    width: int
    height: int
    pix_fmt: str
    crf: float = 23.0
    preset: str = "veryfast"
    sar: Fraction = Fraction(0)
    colour: Colour = Colour()
    field_order: str = "progressive"
    frame_rate: Fraction = Fraction(25)


class Chunk(Struct, frozen=True):
    """The frames [start, stop), what they need to be made, and where their packets lie.

    [first, last) is [start, stop) widened by the filters' windows and cut at the ends of its continuity segment, whose
    number is `segment`: filters see no neighbours beyond those. The packets are the records [packets_start,
    packets_stop) (byte offsets) of the source's packet file: from a seek point to the last packet, in decode order,
    that [first, last) needs, and a few more so that the decoder gives up its last frame without being flushed. Chunks
    with equal `packets_start` share a seek point.
    """

    index: int
    start: int
    stop: int
    first: int
    last: int
    segment: int
    packets_start: int
    packets_stop: int

    @property
    def frames(self) -> int:
        return self.stop - self.start


class FilterCall(Struct, frozen=True):
    """One call of a filter: of the chain's `step`, from 0, for the frame `rank`. `looks`: not to change that frame, but
    to find in it what others need."""

    step: int
    rank: int
    looks: bool = False


class Fault(Struct, frozen=True):
    """A call that is not to be made since it ends its process, and why that is known."""

    call: FilterCall
    reason: str


class Fallback(Struct, frozen=True):
    """A frame of the result that a filter could not do, and why."""

    rank: int
    reason: str


class ChunkTask(Struct, frozen=True):
    """One lease's work as a slot gets it; the packet records follow as payload.

    The slot decodes the ranks [first, last), scales to `width` x `height`, the size that the film begins with, those
    pictures that have another, runs the filters and encodes [start, stop). `continues` says that the
    packets go on where the same slot's previous chunk of this job ended, with its decoder still open. `files` are the
    job's: whoever lacks one asks for it. `times` are when the ranks [first, last) are shown in the result, in
    microseconds, each `TIME_BYTES`, signed and little-endian; none where no filter wants to know.

    A filter's call that is among `faults` is not made, and its frame falls back as `on_error` says. With `kind` FRAME
    so does one whose filter raises; else the chunk fails.

    `kind` STAGE is the part of the work that goes through the film in order: nothing is encoded, and the answer is the
    filters' state behind the chunk or, where one can't leave its process, the frames that they made. `begins`: the
    chunk is the first of its continuity segment; `ends`: it is the last of the film; `replays`: the frames are held
    already. The last `state_size` bytes of the payload are the state to begin with. `made_as` is the format of the
    pictures in the packets where a stage has made those; only the filters behind it are left then.
    """

    job_id: str
    chunk: int
    start: int
    stop: int
    first: int
    last: int
    stream: StreamFormat
    filters: tuple[FilterSpec, ...]
    encoder: EncoderSpec
    width: int
    height: int
    on_decode_error: str = "conceal"
    digest_frames: bool = False
    continues: bool = False
    files: Mapping[str, int] = {}
    times: bytes = b""
    kind: LeaseKind = LeaseKind.CHUNK
    begins: bool = False
    ends: bool = False
    replays: bool = False
    state_size: int = 0
    made_as: str = ""
    on_error: str = "original"
    faults: tuple[Fault, ...] = ()


class ChunkReport(Struct, frozen=True):
    """What a slot says of a finished chunk; the encoded packet records follow as payload.

    Times are seconds of this chunk by part. `latency` counts frames by logarithmic bucket of the time spent on each
    (see `metrics.histogram`). `concealed` are the runs [start, stop) that did not decode and were filled from their
    neighbours, `damaged` those that did, with errors which the decoder patched up. `delay` is how many frames the
    encoder's decode order may run behind presentation order, `lead_in` how many frames were decoded only for others
    to refer to; `can_continue` says that the slot's decoder is open where the chunk ends. `field_orders` are all that
    the chunk's frames have behind the filters.
    `fell_back` counts the frames that filters could not do, and `fallbacks` are the first of them.
    `losses` are sentences. `digest` is the SHA-256 of the filtered frames' pixels, if it was asked for.

    `made` says how the frames are coded that a stage hands on, `made_as` what format their pictures have, and
    `made_sizes` how many bytes the record of each has.
    """

    frames: int
    extradata: bytes
    delay: int
    seconds: Mapping[str, float]
    latency: Mapping[int, int]
    concealed: tuple[tuple[int, int], ...] = ()
    damaged: tuple[tuple[int, int], ...] = ()
    lead_in: int = 0
    can_continue: bool = False
    field_orders: tuple[str, ...] = ()
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    losses: tuple[str, ...] = ()
    fell_back: int = 0
    fallbacks: tuple[Fallback, ...] = ()
    digest: str = ""
    made: StreamFormat | None = None
    made_as: str = ""
    made_sizes: tuple[int, ...] = ()


class Paths(Struct, frozen=True):
    """Where a client has the film of a job, and wants its result, on its own host; for people. Empty: in no file."""

    source: str = ""
    result: str = ""


NO_PATHS = Paths()


class JobSummary(Struct, frozen=True):
    """A job in a line, for lists of jobs past and present. `submitted_at` and `ended_at` are seconds since 1970 (UTC),
    `size` and `result_size` bytes. `result_held`: the result can still be fetched. `code` and `message` say what
    failed, if anything did."""

    id: str
    state: JobState
    name: str
    filters: tuple[str, ...]
    container: str
    submitted_at: float
    ended_at: float | None
    frames_done: int
    frames_total: int
    size: int
    result_size: int = 0
    result_held: bool = False
    detached: bool = False
    code: str = ""
    message: str = ""


class Attempt(Struct, frozen=True):
    """One lease, as the history of its job tells of it: which daemon's slot did which chunk, for the how manieth time,
    and what came of it. Times are seconds since 1970 (UTC). `second`: another slot was at it too, and late."""

    kind: LeaseKind
    chunk: int
    attempt: int
    worker: str
    slot: int
    began_at: float
    ended_at: float | None
    outcome: Outcome
    code: str = ""
    message: str = ""
    second: bool = False
