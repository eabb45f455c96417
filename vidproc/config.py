"""One frozen tree of settings, read once.

A setting comes from the first of these that gives it: the option, the environment (`VIDPROC_WORKER_PORT`, else
`VIDPROC_PORT`), the TOML file (its table `[coordinator]` or `[worker]`), the default. A field's annotation says how its
value is read, and where `str` does not do, how it is written. A key that no field has, or a value that can't be read,
is refused with its name and where it came from.

Only `cli/` calls `load`; everything else is given the settings.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, get_origin, get_type_hints

from vidproc.cores import usable_cores
from vidproc.errors import ClientError
from vidproc.quantities import as_duration, as_size, parse_duration, parse_size

MOST_PROCESSES = 1024
ADAPTIVE = "adaptive"
SHORTEST_TOKEN = 16
"""Bytes. Whoever reaches the port may guess at leisure, so a short token protects nothing."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value


def _path(value: Any) -> Path:
    return value if isinstance(value, Path) else Path(_text(value)).expanduser()


def _flag(value: Any) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    found = words.get(str(value).lower())
    if found is None:
        raise ValueError(f"{value!r} is neither true nor false")
    return found


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        digits = str(value).strip()
        if not (digits.isascii() and digits.isdigit() and least <= int(digits) <= most):
            raise ValueError(f"{value!r} is no whole number from {least} to {most}")
        return int(digits)

    return read


def _chunk_size(value: Any) -> int:
    """Bytes that a process hands to another in one piece."""
    size = parse_size(value)
    if not 0 < size < 1 << 31:
        raise ValueError(f"{value!r} is no size of a chunk: give up to 2047MiB")
    return size


def _seconds(value: Any) -> float:
    seconds = parse_duration(value)
    if not seconds:
        raise ValueError("it must be more than 0 s")
    return seconds


def _rate(value: Any) -> float | str:
    """Frames a second, 0 for no limit; or `ADAPTIVE`."""
    if value == "off":
        return 0.0
    if value == ADAPTIVE:
        return ADAPTIVE
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = -1.0
    if isinstance(value, bool) or not 0 <= rate < float("inf"):
        raise ValueError(f"{value!r} is no rate: give frames a second, such as 64, or off, or adaptive")
    return rate


def _host_name() -> str:
    return os.uname().nodename


def _data_dir() -> Path:
    """Where the XDG base directory specification puts what a program keeps from run to run."""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path("~/.local/state").expanduser()) / "vidproc"


def default_processes() -> int:
    """The usable cores, less two where there are more than four: one for the coordinator, one for the people."""
    cores = usable_cores()
    return cores - 2 if cores > 4 else cores


def _port_or_off(value: Any) -> int | None:
    return None if value == "off" else _whole(0, 65535)(value)


def _as_flag(value: bool) -> str:
    return str(value).lower()


def _as_rate(value: float | str) -> str:
    return str(value) if value else "off"


_SAID = "said"
"""In a field's metadata: what people call a default that is found when the program starts."""

Text = Annotated[str, _text]
Flag = Annotated[bool, _flag, _as_flag]
Port = Annotated[int, _whole(0, 65535)]
File = Annotated[Path | None, _path]
Folder = Annotated[Path, _path]
Size = Annotated[int, parse_size, as_size]
Seconds = Annotated[float, _seconds, as_duration]
Most = Annotated[int, _whole(1, 1 << 20)]
Niceness = Annotated[int, _whole(0, 19)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What both programs have. Sizes are in bytes, where 0 is no limit; times are in seconds.

    `memory_limit` caps each child process: the coordinator's media process, a worker's slots. `nice` is how far these
    stand back behind other programs, the coordinator itself among them. Of one kind of line at most `log_rate` a second
    are logged. `token` is what the token file holds; `load` fills it in.
    """

    table: ClassVar[str]

    port: Port = 9090
    unix_socket: File = None
    token_file: File = None
    name: Text = field(default_factory=_host_name, metadata={_SAID: "the host's name"})
    memory_limit: Size = 4 * 1024**3
    nice: Niceness = 10
    log_rate: Most = 100
    token: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorSettings(Settings):
    """Port 0 lets the system choose one. At `preview_port` pages, REST and metrics are served, unless it is None.

    A peer hears a heartbeat each `heartbeat_s` and is given up when nothing came from it for `silence_s`. Sources are
    kept up to `source_cache` bytes so that they need not be sent again. A job whose client left and has not come back
    for `client_patience` is cancelled. An upload over HTTP is forgotten when nothing came of it for `upload_keep`, and
    there are at most `max_uploads`. Jobs are written down in the database at `database_url`, or in a file in the
    `data_dir`. Results, and what is known of jobs, are kept for `keep`, of at most `keep_jobs` jobs that have ended (0:
    any number), of the results at most `spool_limit` bytes.

    A peer that takes nothing of what waits for it is cut off after `send_timeout`, and one whose upload is waited for
    when it sends less than `min_upload_rate` bytes a second for half a minute. Connections are counted by peer, which
    here is an IPv4 address, an IPv6 network of 64 bits, or a user of this host; `max_connection_rate` is of new ones a
    second. `file_limit` is for each file that a media process writes, the film among them, and `cpu_limit` for its
    processor time, of which it may take `probe_limit` until it knows what the film is.
    """

    table = "coordinator"

    bind: Text = "localhost"
    insecure: Flag = False
    preview_port: Annotated[int | None, _port_or_off] = 8080
    data_dir: Folder = field(default_factory=_data_dir, metadata={_SAID: "$XDG_STATE_HOME/vidproc"})
    codec: Text = "h264"
    default_processing: Text = "blur"
    heartbeat_s: Seconds = 2.0
    silence_s: Seconds = 8.0
    send_timeout: Seconds = 30.0
    max_connections: Most = 4096
    max_connections_per_peer: Most = 1024
    max_connection_rate: Most = 256
    max_jobs: Most = 1024
    max_jobs_per_connection: Most = 64
    max_frame_pixels: Annotated[int, _whole(1, 1 << 30)] = 4096 * 4096
    max_duration: Seconds = 7 * 86400.0
    max_streams: Annotated[int, _whole(1, 1000)] = 128
    max_packet: Size = 128 * 1024**2
    max_result: Annotated[int, _chunk_size, as_size] = 1024**3
    client_patience: Seconds = 120.0
    upload_limit: Size = 0
    upload_keep: Seconds = 86400.0
    max_uploads: Most = 256
    min_upload_rate: Size = 1024
    file_limit: Size = 1024**4
    cpu_limit: Seconds = 6 * 3600.0
    probe_limit: Seconds = 10.0
    source_cache: Size = 20 * 1024**3
    database_url: Annotated[str | None, _text] = field(
        default=None, repr=False, metadata={_SAID: "a file in the data folder"}
    )
    keep: Seconds = 7 * 86400.0
    keep_jobs: Annotated[int, _whole(0, 1 << 20)] = 10_000
    spool_limit: Size = 20 * 1024**3

    def __post_init__(self) -> None:
        if self.silence_s <= self.heartbeat_s:
            raise ClientError(f"silence_s ({self.silence_s:g}) must be more than heartbeat_s ({self.heartbeat_s:g})")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings(Settings):
    """`unix_socket` goes before `host` and `port`. `rate_limit` is in frames/s, 0 for none, or `ADAPTIVE`: what others
    leave of the machine. `frame_timeout` is for the time a slot may spend on one frame, `drain_timeout` for the time
    that chunks in hand get to finish when the daemon is asked to stop, `file_limit` for each file that a slot writes,
    as a filter of somebody's own may."""

    table = "worker"

    host: Text = "localhost"
    ipv4: Flag = False
    ipv6: Flag = False
    processes: Annotated[int, _whole(1, MOST_PROCESSES)] = field(
        default_factory=default_processes,
        metadata={_SAID: "the usable cores, less two where there are more than four"},
    )
    rate_limit: Annotated[float | str, _rate, _as_rate] = 0.0
    frame_timeout: Seconds = 30.0
    drain_timeout: Seconds = 30.0
    file_limit: Size = 1024**3
    allow_custom: Flag = False

    def __post_init__(self) -> None:
        if not 1 <= self.processes <= MOST_PROCESSES:
            raise ClientError(f"processes ({self.processes}) must be from 1 to {MOST_PROCESSES}")
        if self.ipv4 and self.ipv6:
            raise ClientError("ipv4 and ipv6 exclude each other: give one for that family alone, or none for both")


_Settings = TypeVar("_Settings", bound=Settings)
_KINDS: tuple[type[Settings], ...] = (CoordinatorSettings, WorkerSettings)


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as somebody wrote it, and where."""

    key: str
    value: Any
    where: str


def load(kind: type[_Settings], options: Mapping[str, Any], file: Path | None, environ: Mapping[str, str]) -> _Settings:
    """The settings of one program.

    `options` are by the names of the fields; None is an option that was not given. Raises `ClientError` naming the key
    or value at fault and where it stands.
    """
    found: dict[str, Any] = {}
    for given in (*_from_file(kind, file), *_from_environment(kind, environ), *_from_options(options)):
        found[given.key] = _value(kind, given)
    settings = kind(**found)
    return replace(settings, token=read_token(settings.token_file)) if settings.token_file else settings


def keys(kind: type[Settings]) -> tuple[str, ...]:
    """What can be set, by the names of the fields."""
    return tuple(_readers(kind))


def default_of(kind: type[Settings], key: str) -> str:
    """The default of a setting as people write or call it; "" if it has none."""
    default, said = next((each.default, each.metadata.get(_SAID)) for each in fields(kind) if each.name == key)
    if said is not None or default is None:
        return said or ""
    _, *written = get_type_hints(kind, include_extras=True)[key].__metadata__
    return str((written or [str])[0](default))


def read_token(file: Path) -> bytes:
    """The secret in a token file, without white space around it. Raises `ClientError`."""
    try:
        return as_token(file.read_bytes(), f"token file {file}")
    except OSError as error:
        raise ClientError(f"token file {file}: {error.strerror}") from error


def as_token(given: bytes | str, where: str) -> bytes:
    """What a token file holds as the secret: the same, whoever has read the file. Raises `ClientError`."""
    if not isinstance(given, bytes | str):
        raise ClientError(f"{where}: bytes or text are wanted, not {type(given).__name__}")
    token = (given.encode(errors="surrogateescape") if isinstance(given, str) else given).strip()
    if len(token) < SHORTEST_TOKEN:
        raise ClientError(f"{where}: the token must have {SHORTEST_TOKEN} bytes or more, drawn at random")
    return token


def _from_options(options: Mapping[str, Any]) -> Iterator[_Given]:
    for key, value in options.items():
        if value is not None:
            yield _Given(key, value, f"--{key.replace('_', '-')}")


def _from_environment(kind: type[Settings], environ: Mapping[str, str]) -> Iterator[_Given]:
    """The general names first, so that the special ones win. An empty variable is one that was not given."""
    special = {other: f"VIDPROC_{other.table.upper()}_" for other in _KINDS}
    ours = {name: value for name, value in environ.items() if name.startswith("VIDPROC_") and value}
    for name, value in ours.items():
        key = name.removeprefix("VIDPROC_").lower()
        if not name.startswith(tuple(special.values())) and (key in _readers(kind) or not _known(key)):
            yield _Given(key, value, name)
    for name, value in ours.items():
        if name.startswith(special[kind]):
            yield _Given(name.removeprefix(special[kind]).lower(), value, name)


def _from_file(kind: type[Settings], file: Path | None) -> Iterator[_Given]:
    if file is None:
        return
    tables = _tables(file)
    for key, value in tables.get(kind.table, {}).items():
        yield _Given(key, value, f"{file}, {kind.table}.{key}")


def _tables(file: Path) -> dict[str, dict[str, Any]]:
    try:
        tables = tomllib.loads(file.read_text())
    except OSError as error:
        raise ClientError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ClientError(f"{file} is no TOML file: {error}") from error
    for name, table in tables.items():
        if name not in {kind.table for kind in _KINDS} or not isinstance(table, dict):
            raise ClientError(f"{file}: {name} is unknown; there are the tables [coordinator] and [worker]")
    return tables


def _value(kind: type[Settings], given: _Given) -> Any:
    read = _readers(kind).get(given.key)
    if read is None:
        raise ClientError(f"{given.where}: there is no setting {given.key}{_suggestion(kind, given.key)}")
    try:
        return read(given.value)
    except ValueError as error:
        raise ClientError(f"{given.where}: {error}") from error


def _suggestion(kind: type[Settings], key: str) -> str:
    near = difflib.get_close_matches(key, _readers(kind), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _readers(kind: type[Settings]) -> dict[str, Callable[[Any], Any]]:
    """How the value of each key is read: what stands beside the type in the field's annotation."""
    hints = get_type_hints(kind, include_extras=True)
    return {key: hint.__metadata__[0] for key, hint in hints.items() if get_origin(hint) is Annotated}


def _known(key: str) -> bool:
    return any(key in _readers(kind) for kind in _KINDS)
