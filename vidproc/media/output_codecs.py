"""What can be written, as data: a row for each codec, a row for each container.

A codec's row is what an encoder needs to know that does not depend on the film, and what a job may ask of it. Adding a
codec is adding a row; nothing anywhere asks for one by name. FFmpeg is not imported here, so that the programs' help
can name what there is.

What makes equal bytes stands in each row's options: the encoder's own threads are off, and so is all that looks at the
processor or the clock. Chunks are joined, so their groups of pictures are closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from vidproc.errors import ClientError

Options = Mapping[str, str]

KEYFRAME_DISTANCE = 250
"""Most frames from one keyframe to the next: x264's own default. Chunks are usually shorter."""

SPEEDS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip
"""Names of presets, x264's own, which all codecs with presets understand."""


class Quality(Struct, frozen=True):
    """The range of CRF, what it is when a job doesn't say, and whether it is a whole number. Less is better."""

    low: float
    high: float
    default: float
    whole: bool = False


class Display(Struct, frozen=True):
    """How an encoder is told of the display that an HDR film was made for.

    option: the option that `mastering` and `level` are appended to. place, light: how many steps of `Colour.mastering`
    make one of the encoder's units.
    """

    option: str
    mastering: str
    level: str
    place: int = 1
    light: int = 1


class Memory(Struct, frozen=True):
    """What an encoder holds, as was measured with a tenth on top: `vidproc.media.slot_memory` adds it up.

    most: bytes a pixel of 8-bit 4:2:0 by preset, when it has looked ahead as far as it does; the last preset's for
        those that aren't named. first, each: bytes a pixel before the first frame, and for each until then.
    border: pixels that it adds to width and height. fixed: MiB, whatever the picture.
    """

    most: Mapping[str, float]
    first: float = 0.0
    each: float = 0.0
    border: int = 0
    fixed: int = 4


class OutputCodec(Struct, frozen=True):
    """One row of the table.

    encoder: FFmpeg's name of the encoder.
    pix_fmts: what it is fed; the first unless the source's is to be kept. keeps_format: whether that goes without
        asking, since every player of the codec takes them all.
    options: for the encoder; `{crf:g}` stands for the quality, where there is one.
    presets: what each means in options, `veryfast` being the one for jobs that name none; empty where there are none.
    interlaced: what else is set for a film of fields, by the one that is shown first; empty where the codec can't
        say that there are any.
    pads: whether a picture's sides must be whole samples of chroma.
    memory: what it holds.
    reorder: how many frames decode order runs behind, where the encoder does not tell FFmpeg.
    matrix: the one by which the codec's pictures are always read; 0 where it can say which.
    display: how it is told of the display that an HDR film was made for; none where it can't be.
    tells_aspect: whether its bytes say how wide pixels are for their height.
    tags: FFmpeg's fourcc by container, where its first choice is not what players look for.
    """

    name: str
    encoder: str
    pix_fmts: tuple[str, ...]
    quality: Quality | None
    presets: Mapping[str, Options]
    options: Options
    memory: Memory
    interlaced: Mapping[str, Options] = {}
    keeps_format: bool = False
    pads: bool = False
    gop: int = KEYFRAME_DISTANCE
    reorder: int = 0
    matrix: int = 0
    display: Display | None = None
    tells_aspect: bool = True
    tags: Mapping[str, str] = {}


class Container(Struct, frozen=True):
    """What a file can be. muxer: FFmpeg's name. codecs: what it takes, the one for jobs that name none first.

    iso: whether it is of the family of ISO/IEC 14496-12, with edit lists, a time scale, and decode times that grow.
    attachments: whether it carries fonts and covers as files.
    text: the codec of its text subtitles. lossless, lossy: the encoders of sound that it can't carry as it is, those
        first that most of its players know; without a lossless one, all becomes lossy.
    """

    muxer: str
    codecs: tuple[str, ...]
    text: str
    lossless: tuple[str, ...]
    lossy: tuple[str, ...]
    iso: bool = False
    attachments: bool = False


def _by_speed(*most: float) -> dict[str, float]:
    return dict(zip(SPEEDS, most, strict=True))


# The same bytes whatever processor it runs on, and nothing in them that counts threads.
_X264 = "cpu-independent=1:sliced-threads=0:sync-lookahead=0:lookahead-threads=1:open-gop=0"
_X265 = (
    "pools=none:frame-threads=1:wpp=0:pmode=0:pme=0:lookahead-slices=0:lookahead-threads=0:open-gop=0:info=0:"
    "log-level=none"
)
_MASTERING = "G({:.0f},{:.0f})B({:.0f},{:.0f})R({:.0f},{:.0f})WP({:.0f},{:.0f})L({:.0f},{:.0f})"
_PLANAR_420_TO_444 = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le")

H264 = OutputCodec(
    name="h264",
    encoder="libx264",
    pix_fmts=_PLANAR_420_TO_444,
    quality=Quality(0, 51, 23),
    presets={speed: {"preset": speed} for speed in SPEEDS},
    options={"crf": "{crf:g}", "flags": "+cgop", "x264-params": _X264, "forced-idr": "1"},
    memory=Memory(_by_speed(30, 58, 76, 105, 135, 167, 200, 245, 310, 570), first=20, each=7.5, border=128),
    # FFmpeg's wrapper opens x264 with the top field first and looks at frames too late: of a film that is shown bottom
    # field first most pictures' timing would say the contrary of their order.
    interlaced={"tt": {"x264-params": f"{_X264}:tff=1"}, "bb": {"x264-params": f"{_X264}:bff=1"}},
    pads=True,
    display=Display("x264-params", f":mastering-display={_MASTERING}", ":cll={},{}"),
)

H265 = OutputCodec(
    name="h265",
    encoder="libx265",
    pix_fmts=(*_PLANAR_420_TO_444, "yuv420p12le", "yuv422p12le", "yuv444p12le"),
    quality=Quality(0, 51, 28),
    presets={speed: {"preset": speed} for speed in SPEEDS},
    options={"crf": "{crf:g}", "flags": "+cgop", "x265-params": _X265, "forced-idr": "1"},
    memory=Memory(
        _by_speed(110, 125, 170, 170, 170, 190, 210, 325, 325, 480), first=30, each=7, border=192, fixed=8
    ),
    pads=True,
    display=Display("x265-params", f":master-display={_MASTERING}", ":max-cll={},{}"),
    reorder=2,  # its pyramid of B-frames has two levels in every preset
    tags={"mp4": "hvc1", "mov": "hvc1"},  # Apple's players want the parameter sets outside the packets
)

# The wheels' libvpx has 8 bits only. Its quality is CRF alone where the bit rate is none.
VP9 = OutputCodec(
    name="vp9",
    tells_aspect=False,
    encoder="libvpx-vp9",
    pix_fmts=("yuv420p", "yuv422p", "yuv440p", "yuv444p"),
    quality=Quality(0, 63, 32, whole=True),
    presets={
        "ultrafast": {"deadline": "realtime", "cpu-used": "8"},
        "superfast": {"deadline": "realtime", "cpu-used": "7"},
        **{speed: {"deadline": "good", "cpu-used": f"{max(0, 5 - n)}"} for n, speed in enumerate(SPEEDS[2:-1])},
        "placebo": {"deadline": "best", "cpu-used": "0"},
    },
    options={"crf": "{crf:g}", "b": "0", "row-mt": "0", "lag-in-frames": "25", "auto-alt-ref": "1"},
    memory=Memory(_by_speed(*[110] * 10), first=110, border=320),
)

# All decoders of AV1 take both depths: they are its main profile. SVT-AV1's own numbers for its speeds are presets too.
AV1 = OutputCodec(
    name="av1",
    tells_aspect=False,
    encoder="libsvtav1",
    pix_fmts=("yuv420p", "yuv420p10le"),
    quality=Quality(1, 63, 35, whole=True),
    presets={
        **{speed: {"preset": f"{10 - n}"} for n, speed in enumerate(SPEEDS)},
        **{f"{number}": {"preset": f"{number}"} for number in range(14)},
    },
    options={"crf": "{crf:g}", "flags": "+cgop", "svtav1-params": "lp=1"},
    memory=Memory(
        {
            **_by_speed(115, 115, 150, 150, 150, 150, 175, 175, 175, 250),
            **{f"{n}": most for n, most in enumerate((250, 250, 175, 175, 175, 150, 150, 150, 150, *[115] * 5))},
        },
        first=60,
        each=2.5,
        border=320,
        fixed=24,
    ),
    display=Display(
        "svtav1-params",
        ":mastering-display=G({:.5f},{:.5f})B({:.5f},{:.5f})R({:.5f},{:.5f})WP({:.5f},{:.5f})L({:.4f},{:.4f})",
        ":content-light={},{}",
        place=50_000,
        light=10_000,
    ),
    keeps_format=True,
)

# As archives want it: each frame can be decoded alone and has a checksum.
FFV1 = OutputCodec(
    name="ffv1",
    tells_aspect=False,
    encoder="ffv1",
    pix_fmts=(
        *(f"yuv{chroma}p" for chroma in ("420", "422", "444", "440", "411", "410")),
        *(f"yuv{chroma}p{bits}le" for bits in (9, 10, 12, 14, 16) for chroma in ("420", "422", "444")),
        "yuv440p10le",
        "yuv440p12le",
    ),
    quality=None,
    presets={},
    options={"level": "3", "coder": "1", "context": "0", "slicecrc": "1"},
    memory=Memory({"": 45}, first=45),
    interlaced={"tt": {}, "bb": {}},
    keeps_format=True,
    gop=1,
)

# CRF is FFmpeg's own scale from 1 to 31, given as both limits of the rate control: what asks for a fixed one is a field
# of frames that PyAV has not. Readers take all of it for JFIF's: BT.601 at full range.
MJPEG = OutputCodec(
    name="mjpeg",
    encoder="mjpeg",
    pix_fmts=("yuvj420p", "yuvj422p", "yuvj444p"),
    quality=Quality(1, 31, 3, whole=True),
    presets={},
    options={"qmin": "{crf:g}", "qmax": "{crf:g}"},
    memory=Memory({"": 25}, first=25),
    gop=1,
    matrix=5,
)

CODECS: Mapping[str, OutputCodec] = MappingProxyType({row.name: row for row in (H264, H265, VP9, AV1, FFV1, MJPEG)})

CONTAINERS: Mapping[str, Container] = MappingProxyType(
    {
        # ALAC knows few arrangements of channels.
        "mp4": Container(
            "mp4", ("h264", "h265", "vp9", "av1", "mjpeg"), "mov_text", ("alac", "flac"), ("aac",), iso=True
        ),
        "mkv": Container("matroska", tuple(CODECS), "subrip", ("flac",), ("aac",), attachments=True),
        "webm": Container("webm", ("vp9", "av1"), "webvtt", (), ("libopus",)),
        "mov": Container("mov", ("h264", "h265", "mjpeg"), "mov_text", ("alac",), ("aac",), iso=True),
    }
)
"""By the name that people use."""


def codec(name: str) -> OutputCodec:
    """The codec of that name. Raises `ClientError` naming those that there are."""
    try:
        return CODECS[name]
    except KeyError:
        raise ClientError(f"codec {name!r} is not available; choose from {', '.join(CODECS)}") from None


def container(name: str) -> Container:
    """The container of that name. Raises `ClientError` naming those that there are."""
    try:
        return CONTAINERS[name]
    except KeyError:
        raise ClientError(f"container {name!r} is not available; choose from {', '.join(CONTAINERS)}") from None


def allowed(codec_name: str, container_name: str) -> None:
    """Raises `ClientError` for a codec, a container or a pair of them that can't be written."""
    codec(codec_name)
    taken = container(container_name).codecs
    if codec_name not in taken:
        others = ", ".join(name for name, row in CONTAINERS.items() if codec_name in row.codecs)
        raise ClientError(
            f"{codec_name} can't be put into {container_name}, which takes {', '.join(taken)}; {codec_name} goes into "
            f"{others}"
        )


def choice(container_name: str, preferred: str) -> str:
    """The codec for a job that names none: the preferred one if the container takes it, else the container's own."""
    taken = container(container_name).codecs
    return preferred if preferred in taken else taken[0]
