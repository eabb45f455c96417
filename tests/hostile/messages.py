"""Messages that no peer of ours would send, by the end that hears them and how far its connection is.

`BREACHES` end a connection whoever sends them. `SENSELESS` are well made and mean nothing: to a coordinator that
serves, from a client or a worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgpack

from tests.protocol.examples import COORDINATOR_NONCE, PEER_NONCE, VERSIONS
from vidproc.model import ChunkReport, FilterSpec, JobSpec
from vidproc.protocol.framing import PREFIX
from vidproc.protocol.messages import VERSION, Message, Submit

BOMB = b"\x81\xa1a\xdc\x0f\xff" + (b"\xdc\x0f\xff" + b"\x90" * 4095) * 60


class Breach(NamedTuple):
    """What an end hears: the coordinator's, or a peer's; `state` is "new", "challenged" or "open"."""

    end: str
    state: str
    data: bytes


def framed(header: Any, payload: bytes = b"", **lengths: int) -> bytes:
    """Any bytes, or anything that msgpack packs, with its true lengths unless others are given."""
    body = header if isinstance(header, bytes) else msgpack.packb(header)
    return PREFIX.pack(lengths.get("header", len(body)), lengths.get("payload", len(payload))) + body + payload


def said(kind: str, payload: bytes = b"", **fields: Any) -> bytes:
    return framed({"type": kind, **fields}, payload)


HANDSHAKE: Mapping[str, Any] = {
    "type": "handshake", "version": VERSION, "role": "client", "name": "n", "versions": VERSIONS, "nonce": PEER_NONCE,
}  # fmt: skip
ACK: Mapping[str, Any] = {
    "type": "ack", "version": VERSION, "name": "k", "versions": VERSIONS, "heartbeat_s": 2.0, "silence_s": 8.0,
}  # fmt: skip
SUBMIT: Mapping[str, Any] = Submit(1, JobSpec((FilterSpec("blur"),)), 9, "0" * 64, "in.mp4").to_header()
REPORT: Mapping[str, Any] = {"frames": 1, "extradata": b"", "delay": 0, "seconds": {}, "latency": {}}


def _nested(depth: int) -> Any:
    made: Any = 0
    for _ in range(depth):
        made = [made]
    return made


_TO_ALL: Mapping[str, bytes] = {
    "a header of no map": framed([1, 2]),
    "a header of nothing": framed(None),
    "an empty header": framed(b""),
    "a map without a type": framed({}),
    "a type that is a number": framed({"type": 5}),
    "a type that is a list": framed({"type": [HANDSHAKE]}),
    "a type that is a map": framed({"type": {"type": "ping"}}),
    "a type of another case": said("Ping"),
    "a type with a space": said("ping "),
    "a type of the module's": said("__init__"),
    "a type without end": said("p" * 4000),
    "two headers in one": framed(msgpack.packb({"type": "ping"}) * 2),
    "half a header": framed(msgpack.packb(dict(HANDSHAKE))[:-3]),
    "a type that nobody knows": said("shutdown"),
    "an extension type": framed(b"\x81\xa4type\xc7\x01\x05\x00"),
    "text that is not UTF-8": framed(b"\x81\xa4type\xa2\xff\xfe"),
    "a list as a key": framed(b"\x81\x90\x01"),
    "a header of four gigabytes": PREFIX.pack(2**32 - 1, 0),
    "a payload of four gigabytes": PREFIX.pack(2, 2**32 - 1),
    "a bomb": framed(BOMB),
    "lists in lists": framed({"type": "ping", "x": _nested(40)}),
    "a list of ten thousand": framed({"type": "ping", "x": [0] * 10_000}),
    "a map that announces more than there is": framed(b"\xdf\xff\xff\xff\xff"),
    "text that announces more than there is": framed(b"\x81\xa4type\xdb\xff\xff\xff\xff"),
}

_TO_A_COORDINATOR: Mapping[str, bytes] = {
    "ack to a coordinator": framed(dict(ACK)),
    "challenge to a coordinator": said("challenge", nonce=COORDINATOR_NONCE, proof=bytes(32)),
}

_TO_A_NEW_COORDINATOR: Mapping[str, bytes] = {
    "a handshake with a payload": framed(dict(HANDSHAKE), b"x"),
    "a handshake of another version": framed({**HANDSHAKE, "version": VERSION + 1}),
    "a handshake of no version": framed({**HANDSHAKE, "version": None}),
    "a handshake of a broken version": framed({**HANDSHAKE, "version": 1.5}),
    "a handshake of no role": framed({**HANDSHAKE, "role": ""}),
    "a handshake of a coordinator": framed({**HANDSHAKE, "role": "coordinator"}),
    "a handshake of an administrator": framed({**HANDSHAKE, "role": "admin"}),
    "a handshake of a role that is a number": framed({**HANDSHAKE, "role": 7}),
    "a handshake of two lines": framed({**HANDSHAKE, "name": "a\nb"}),
    "a handshake of a name without end": framed({**HANDSHAKE, "name": "x" * 300}),
    "a handshake of a short nonce": framed({**HANDSHAKE, "nonce": b"n"}),
    "a handshake of a nonce of text": framed({**HANDSHAKE, "nonce": "n" * 32}),
    "a handshake of versions that are a list": framed({**HANDSHAKE, "versions": ["1"]}),
    "a handshake of versions that are numbers": framed({**HANDSHAKE, "versions": {"vidproc": 1}}),
    "a handshake of capabilities that are text": framed({**HANDSHAKE, "capabilities": "all"}),
    "a handshake without a nonce": framed({k: v for k, v in HANDSHAKE.items() if k != "nonce"}),
    "a handshake that is too large": framed({**HANDSHAKE, "capabilities": {"x": "y" * 5000}}),
    "a worker of another major version": framed({**HANDSHAKE, "role": "worker", "versions": {"vidproc": "99.0"}}),
    "two handshakes": framed(dict(HANDSHAKE)) * 2,
    "a proof before a handshake": said("proof", proof=bytes(32)),
    "a submission before a handshake": framed(dict(SUBMIT)),
    "a ping before a handshake": said("ping"),
    "an upload before a handshake": said("upload-block", b"x", job_id="j", offset=0, crc32=0),
}

_TO_A_CHALLENGER: Mapping[str, bytes] = {
    "a proof of zeros": said("proof", proof=bytes(32)),
    "a proof of nothing": said("proof", proof=b""),
    "a proof without end": said("proof", proof=bytes(3000)),
    "a proof that is text": said("proof", proof="0" * 32),
    "no proof in it": said("proof"),
    "a submission in place of a proof": framed(dict(SUBMIT)),
    "another handshake in place of a proof": framed(dict(HANDSHAKE)),
    "a drain in place of a proof": said("drain"),
    "a ping in place of a proof": said("ping"),
}

_FROM_AN_OPEN_CLIENT: Mapping[str, bytes] = {
    "a handshake when all is open": framed(dict(HANDSHAKE)),
    "a client's proof when all is open": said("proof", proof=bytes(32)),
    "a client's heartbeat": said("heartbeat", frames={}),
    "a client's result": said("result", lease_id=1, size=1, sha256="0" * 64, report=dict(REPORT)),
    "a client's failure": said("failed", lease_id=1, code="x", message="x"),
    "a client's drain": said("drain"),
    "a client's lease": said("lease-block", b"x", lease_id=1),
    "a client's progress": said("progress", job_id="j", state="done", frames_done=1, frames_total=1, fps=1.0),
    "a client's end of a job": said("finished", job_id="j", state="done", size=1, sha256="", metrics={}),
    "a client's download": said("download-block", b"x", job_id="j", offset=0, crc32=0),
    "a submission of a negative size": framed({**SUBMIT, "size": -1}),
    "a submission of a broken hash": framed({**SUBMIT, "sha256": "../../etc/passwd"}),
    "a submission of a hash in capitals": framed({**SUBMIT, "sha256": "A" * 64}),
    "a submission of a name without end": framed({**SUBMIT, "name": "x" * 5000}),
    "a submission of a name of bytes": framed({**SUBMIT, "name": b"x"}),
    "a submission of no job": framed({k: v for k, v in SUBMIT.items() if k != "job"}),
    "a submission of a job that is a list": framed({**SUBMIT, "job": []}),
    "a submission of filters that are text": framed({**SUBMIT, "job": {"filters": "blur"}}),
    "a submission of filters in filters": framed({**SUBMIT, "job": {"filters": [{"name": "x", "params": {"a": [1]}}]}}),
    "a submission of a quality that is text": framed({**SUBMIT, "job": {"filters": [], "crf": "23"}}),
    "a submission with a payload": framed(dict(SUBMIT), b"x"),
    "a watch of a number": said("watch", job_id=5),
    "a watch of an id without end": said("watch", job_id="j" * 256),
    "a cancel of an id without end": said("cancel", job_id="j" * 256),
    "a fetch of an id without end": said("fetch", job_id="j" * 256, offset=0),
    "an upload of an id without end": said("upload-block", b"x", job_id="j" * 256, offset=0, crc32=0),
    "a fetch from before the beginning": said("fetch", job_id="j", offset=-1),
    "a fetch from a fraction": said("fetch", job_id="j", offset=0.5),
    "an upload from before the beginning": said("upload-block", b"x", job_id="j", offset=-1, crc32=0),
    "an upload of two megabytes": said("upload-block", bytes(2**21), job_id="j", offset=0, crc32=0),
    "an upload of a job that is a list": said("upload-block", b"x", job_id=["j"], offset=0, crc32=0),
    "a file of a broken hash": said("file-block", b"x", sha256="..", offset=0),
    "a cancel of nothing": said("cancel"),
    "descriptors that are not there": said("watch", job_id="j", fds=17),
    "a negative number of descriptors": said("watch", job_id="j", fds=-1),
    "descriptors that are text": said("watch", job_id="j", fds="1"),
}

_FROM_AN_OPEN_WORKER: Mapping[str, bytes] = {
    "a worker's submission": framed(dict(SUBMIT)),
    "a worker's fetch": said("fetch", job_id="j", offset=0),
    "a worker's cancel": said("cancel", job_id="j"),
    "a worker's upload": said("upload-block", b"x", job_id="j", offset=0, crc32=0),
    "a worker's revocation": said("revoke", lease_id=1),
    "a worker's commitment": said("committed", lease_id=1),
    "a heartbeat of text": said("heartbeat", frames={"a": 1}),
    "a heartbeat of fractions": said("heartbeat", frames={1: 0.5}),
    "a heartbeat of a negative rate": said("heartbeat", frames={}, rate_limit=-1.0),
    "a heartbeat of a rate without end": said("heartbeat", frames={}, rate_limit=float("inf")),
    "a heartbeat of a rate that is none": said("heartbeat", frames={}, rate_limit=float("nan")),
    "a heartbeat of ten thousand leases": said("heartbeat", frames=dict.fromkeys(range(10_000), 1)),
    "a result of a negative size": said("result", lease_id=1, size=-1, sha256="0" * 64, report=dict(REPORT)),
    "a result of a broken hash": said("result", lease_id=1, size=1, sha256="0", report=dict(REPORT)),
    "a result without a report": said("result", lease_id=1, size=1, sha256="0" * 64),
    "a result of a report that is text": said("result", lease_id=1, size=1, sha256="0" * 64, report="good"),
    "a block of a lease of text": said("result-block", b"x", lease_id="1"),
    "a failure of a number": said("failed", lease_id=1, code=5, message="x"),
    "a drain with a payload": said("drain", b"x"),
}

_TO_A_NEW_PEER: Mapping[str, bytes] = {
    "ack of another version": framed({**ACK, "version": VERSION + 1}),
    "ack of no heartbeat": framed({**ACK, "heartbeat_s": 0.0}),
    "ack of a silence without end": framed({**ACK, "silence_s": float("inf")}),
    "ack of a silence before the heartbeat": framed({**ACK, "silence_s": 1.0}),
    "ack of times that are none": framed({**ACK, "heartbeat_s": float("nan")}),
    "ack of a name of two lines": framed({**ACK, "name": "a\r\nb"}),
    "ack with a payload": framed(dict(ACK), b"x"),
    "a challenge that nobody can answer": said("challenge", nonce=COORDINATOR_NONCE, proof=bytes(32)),
    "a challenge of a short nonce": said("challenge", nonce=b"", proof=bytes(32)),
    "a lease before all is open": said("lease-block", b"x", lease_id=1),
    "a handshake from whom one dialled": framed(dict(HANDSHAKE)),
}

_TO_AN_OPEN_PEER: Mapping[str, bytes] = {
    "a second ack": framed(dict(ACK)),
    "a submission from a coordinator": framed(dict(SUBMIT)),
    "a download of two megabytes": said("download-block", bytes(2**21), job_id="j", offset=0, crc32=0),
    "progress into an unknown state": said(
        "progress", job_id="j", state="flying", frames_done=1, frames_total=1, fps=1.0
    ),
    "an end of a negative size": said("finished", job_id="j", state="done", size="-1", sha256="", metrics={}),
    "a wish for nothing": said("wanted", job_id="j", offset=0, size=0),
    "a word from before the beginning": said("received", job_id="j", offset=-5),
}


def _breaches() -> dict[str, Breach]:
    groups: list[tuple[str, str, Mapping[str, bytes]]] = [
        ("coordinator", "new", {**_TO_ALL, **_TO_A_COORDINATOR, **_TO_A_NEW_COORDINATOR}),
        ("coordinator", "challenged", {**_TO_ALL, **_TO_A_COORDINATOR, **_TO_A_CHALLENGER}),
        ("coordinator of a client", "open", {**_TO_ALL, **_TO_A_COORDINATOR, **_FROM_AN_OPEN_CLIENT}),
        ("coordinator of a worker", "open", {**_TO_ALL, **_TO_A_COORDINATOR, **_FROM_AN_OPEN_WORKER}),
        ("client", "new", {**_TO_ALL, **_TO_A_NEW_PEER}),
        ("worker", "new", {**_TO_ALL, **_TO_A_NEW_PEER}),
        ("client", "open", {**_TO_ALL, **_TO_AN_OPEN_PEER}),
        ("worker", "open", {**_TO_ALL, **_TO_AN_OPEN_PEER}),
    ]
    return {
        f"{end}, {state}: {name}": Breach(end, state, data)
        for end, state, wrong in groups
        for name, data in wrong.items()
    }


BREACHES: Mapping[str, Breach] = _breaches()

_REPORT = ChunkReport(1, b"", 0, {}, {})


def _messages(*headers: Mapping[str, Any]) -> list[Message]:
    return [Message.from_header(header) for header in headers]


SENSELESS: Mapping[str, list[Message]] = {
    "client": _messages(
        {"type": "watch", "job_id": "none"},
        {"type": "watch", "job_id": "../../lock"},
        {"type": "watch", "job_id": "x" * 255},
        {"type": "fetch", "job_id": "none", "offset": 2**62},
        {"type": "cancel", "job_id": "none\0"},
        {"type": "upload-block", "job_id": "none", "offset": 2**63 - 1, "crc32": -1},
        {"type": "file-block", "sha256": "0" * 64, "offset": 0},
        {**SUBMIT, "size": 0},
        {**SUBMIT, "size": 2**62},
        {**SUBMIT, "job": {"filters": [{"name": "blur"}] * 65}},
        {**SUBMIT, "job": {"filters": [{"name": "none"}]}},
        {**SUBMIT, "job": {"filters": [{"name": "blur", "params": {"ksize": 2**63}}]}},
        {**SUBMIT, "job": {"filters": [{"name": "overlay", "params": {"file": "/etc/passwd"}}]}},
        {**SUBMIT, "job": {"filters": [{"name": "overlay", "params": {"file": "0" * 64}}], "files": {"0" * 64: 2**62}}},
        {**SUBMIT, "job": {"filters": [], "files": {"..": 5}}},
        {**SUBMIT, "job": {"filters": [], "container": "../mp4"}},
        {**SUBMIT, "job": {"filters": [], "codec": "h264 -f rawvideo"}},
        {**SUBMIT, "job": {"filters": [], "crf": float("nan")}},
        {**SUBMIT, "job": {"filters": [], "crf": 1e308}},
        {**SUBMIT, "job": {"filters": [], "start": float("inf")}},
        {**SUBMIT, "job": {"filters": [], "duration": -0.0}},
        {**SUBMIT, "job": {"filters": [], "encoder_preset": "veryfast:log=/etc/x"}},
        {**SUBMIT, "job": {"filters": [], "pix_fmt": "rgb24"}},
    ),
    "worker": _messages(
        {"type": "heartbeat", "frames": {2**63: 2**63}},
        {"type": "heartbeat", "frames": {-1: -1}},
        {"type": "result", "lease_id": 2**62, "size": 2**29, "sha256": "0" * 64, "report": dict(REPORT)},
        {"type": "result", "lease_id": -1, "size": 0, "sha256": "0" * 64, "report": dict(REPORT)},
        {"type": "result-block", "lease_id": 5},
        {"type": "failed", "lease_id": 5, "code": "", "message": "\0" * 5000, "frame": -(2**62)},
        {"type": "file-wanted", "sha256": "0" * 64},
        {"type": "error", "code": "x", "message": "x", "blame": "x", "job_id": "j"},
        {"type": "drain"},
        {"type": "drain"},
    ),
}
