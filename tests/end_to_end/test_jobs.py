"""vidproc jobs and vidproc-send --detach, on a real coordinator with a real daemon."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import BIN, Cluster, cluster, sha256, until
from tests.postgres import Postgres

pytestmark = pytest.mark.process
KEYS = [
    "id", "state", "name", "filters", "container", "submitted_at", "ended_at", "frames_done", "frames_total",
    "bytes_in", "bytes_out", "result_held", "detached", "error",
]  # fmt: skip
MORE_KEYS = ["source_sha256", "sha256", "source_path", "result_path", "folder", "job", "metrics", "attempts"]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "own") as made:
        made.add_worker(1, "--allow-custom")
        yield made


def detach(at: Cluster, video: object, *words: object, out: object = "out.mp4") -> str:
    """A job that was left there; its id."""
    left = at.send(video, out, "--detach", "--quiet", *words)
    assert left.code == 0, left.err
    assert left.err == ""
    return left.out.decode().strip()


def shown(at: Cluster, job_id: str) -> dict[str, Any]:
    told = at.jobs("show", job_id, "--json").told
    assert list(told) == [*KEYS, *MORE_KEYS]
    return dict(told)


# vidproc-send --detach


def test_a_job_that_was_left_ends_by_itself_and_is_fetched_later(shared: Cluster, film: Path, tmp_path: Path) -> None:
    command = [BIN / "vidproc-send", "--video", film, "--filter", "blur", "--detach", *shared.by_tcp]
    left = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    job_id = left.stdout.strip()
    assert f"vidproc jobs watch {job_id} --host localhost --port {shared.port}" in left.stderr
    assert f"vidproc jobs fetch {job_id} --host localhost --port {shared.port} --out out.mp4" in left.stderr
    assert shared.jobs("watch", job_id, "--quiet").code == 0
    assert shared.jobs("fetch", job_id, "--out", tmp_path / "left.mp4", "--quiet").code == 0
    assert shared.send(film, tmp_path / "plain.mp4", "--filter", "blur").code == 0
    assert sha256(tmp_path / "left.mp4") == sha256(tmp_path / "plain.mp4")
    assert shared.jobs("fetch", job_id, "--out", tmp_path / "again.mp4", "--quiet").code == 0, "it is still there"


def test_it_goes_on_while_no_client_is_there_for_long(tmp_path: Path, film: Path, gate: Gate, plain: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[coordinator]\nclient_patience = '10ms'\n")
    with cluster(tmp_path / "own", "--config", config) as own:
        own.add_worker(1, "--allow-custom")
        job_id = detach(own, film, "--filter", gate.filter)
        gate.reached()
        attended = own.sending(film, tmp_path / "attended.mp4", "--filter", gate.filter)
        until(lambda: len(own.jobs("list", "--json").told) == 2, "the other job")
        attended.end()
        until(lambda: own.log("the job's client has not come back"), "the job of the client that died to be cancelled")
        gate.open()
        assert own.jobs("fetch", job_id, "--out", tmp_path / "out.mp4", "--quiet").code == 0
        assert sha256(tmp_path / "out.mp4") == plain
        newest, oldest = own.jobs("list", "--json").told
        assert (newest["state"], oldest["state"]) == ("cancelled", "done")
        assert (newest["detached"], oldest["detached"]) == (False, True)


def test_of_the_output_of_a_job_that_is_left_the_ending_counts(shared: Cluster, film: Path, tmp_path: Path) -> None:
    (tmp_path / "there.mkv").write_bytes(b"mine")
    job_id = detach(shared, film, "--filter", "invert", out=tmp_path / "there.mkv")
    assert shown(shared, job_id)["container"] == "mkv"
    assert (tmp_path / "there.mkv").read_bytes() == b"mine"
    words = ("--out", tmp_path / "out.mp4")
    assert "the result is mkv, so give it a name that ends in .mkv" in shared.jobs("fetch", job_id, *words).complaint
    assert "exists; add --overwrite" in shared.jobs("fetch", job_id, "--out", tmp_path / "there.mkv").complaint
    assert shared.jobs("fetch", job_id, "--out", tmp_path / "there.mkv", "--overwrite").code == 0
    assert (tmp_path / "there.mkv").stat().st_size > 1000
    both = ("--out", tmp_path / "out.mkv", "--metrics-json", tmp_path / "out.mkv")
    assert "both go to standard output" in shared.jobs("fetch", job_id, "--out", "-", "--json").complaint
    assert "is the output itself" in shared.jobs("fetch", job_id, *both).complaint


@pytest.mark.parametrize("option", [("--overwrite",), ("--metrics-json", "figures.json")])
def test_what_belongs_to_a_result_is_refused_for_a_job_that_is_left(
    shared: Cluster, film: Path, option: tuple[str, ...]
) -> None:
    left = shared.send(film, "out.mp4", "--detach", *option)
    assert left.code == 2
    assert f"{option[0]} has no meaning with --detach" in left.complaint


def test_a_film_that_is_none_is_heard_of_by_whoever_looks(shared: Cluster, tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no film" * 1000)
    left = shared.send(tmp_path / "in.mp4", "out.mp4", "--filter", "blur", "--detach", "--quiet")
    newest = shared.jobs("list", "--limit", 1, "--json").told[0]
    until(lambda: shown(shared, newest["id"])["state"] == "failed", "the job to fail")
    error = shown(shared, newest["id"])["error"]
    assert error["code"] == "media"
    assert left.code == 4 or newest["id"] in left.out.decode()
    watched = shared.jobs("watch", newest["id"], "--quiet")
    assert watched.code == 4
    assert error["message"] in watched.complaint


# Listing and showing


def test_jobs_are_listed_by_state_and_in_parts(shared: Cluster, film: Path, tmp_path: Path) -> None:
    ids = [detach(shared, film, "--filter", f"blur:ksize={size}") for size in (3, 5, 7)]
    for job_id in ids:
        assert shared.jobs("watch", job_id, "--quiet").code == 0
    told = shared.jobs("list", "--limit", 3, "--json").told
    assert [it["id"] for it in told] == ids[::-1]
    assert all(list(it) == KEYS for it in told)
    before = shared.jobs("list", "--before", ids[1], "--limit", 1, "--json").told
    assert [it["id"] for it in before] == [ids[0]]
    assert {it["state"] for it in shared.jobs("list", "--state", "done", "--json").told} == {"done"}
    lines = shared.jobs("list").out.decode().splitlines()
    assert lines[0].split() == ["ID", "STATE", "SUBMITTED", "TOOK", "FRAMES", "FILM", "AND", "FILTERS"]
    assert len(lines) >= 4
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith(ids[2][:8])


def test_all_there_is_to_know_of_a_job(shared: Cluster, film: Path, tmp_path: Path) -> None:
    job_id = detach(shared, film, "--filter", "blur:ksize=9", "--crf", 30)
    assert shared.jobs("fetch", job_id, "--out", tmp_path / "out.mp4", "--metrics-json", tmp_path / "m.json").code == 0
    told = shown(shared, job_id[:10])
    assert (told["id"], told["state"], told["name"]) == (job_id, "done", film.name)
    assert (told["frames_done"], told["frames_total"], told["error"]) == (60, 60, None)
    assert (told["source_sha256"], told["sha256"]) == (sha256(film), sha256(tmp_path / "out.mp4"))
    assert told["bytes_out"] == (tmp_path / "out.mp4").stat().st_size
    assert told["submitted_at"] < told["ended_at"]
    assert told["ended_at"].endswith("+00:00")
    assert (told["job"]["filters"][0]["params"], told["job"]["crf"]) == ({"ksize": "9"}, 30.0)
    assert told["metrics"]["frames_out"] == 60
    assert Path(told["folder"], "result").exists()
    assert (told["source_path"], told["result_path"]) == (str(film), None)
    done = [it["chunk"] for it in told["attempts"] if it["outcome"] == "done"]
    assert sorted(done) == list(range(told["metrics"]["chunks"]))
    assert {it["outcome"] for it in told["attempts"]} <= {"done", "withdrawn"}, "or was late, and run twice"
    lines = shared.jobs("show", job_id).out.decode()
    assert "blur:ksize=9" in lines
    assert f"vidproc jobs fetch {job_id[:8]} --out FILE" in lines


def test_what_fails_is_told_by_chunk_and_worker(own: Cluster, film: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def f(frame):\n    raise ValueError('not this one')\n")
    sent = own.send(film, tmp_path / "out.mp4", "--filter", tmp_path / "bad.py")
    assert sent.code in (0, 4)
    (told,) = own.jobs("list", "--json").told
    failed = [it for it in shown(own, told["id"])["attempts"] if it["outcome"] == "failed"]
    assert failed[0]["code"] == "filter"
    assert "not this one" in failed[0]["message"]
    assert "not this one" in own.jobs("show", told["id"]).out.decode()


def test_a_job_under_way(own: Cluster, film: Path, gate: Gate) -> None:
    job_id = detach(own, film, "--filter", gate.filter)
    gate.reached()
    until(lambda: shown(own, job_id)["state"] == "running", "the job to run")
    told = shown(own, job_id)
    assert (told["ended_at"], told["metrics"], told["sha256"]) == (None, None, None)
    assert "running" in {it["outcome"] for it in told["attempts"]}
    refused = own.jobs("remove", job_id)
    assert refused.code == 2
    assert f"job {job_id} is running: cancel it before it is removed" in refused.complaint
    assert own.jobs("cancel", job_id, "--json").told == [{"id": job_id, "state": "cancelled"}]
    assert "it is cancelled" in own.jobs("cancel", job_id).complaint
    fetched = own.jobs("fetch", job_id, "--out", "-")
    assert fetched.code == 4
    assert "the job was cancelled" in fetched.complaint
    assert [it["id"] for it in own.jobs("list", "--state", "cancelled", "--json").told] == [job_id]


def test_of_several_jobs_each_has_its_turn(own: Cluster, film: Path, gate: Gate) -> None:
    running = [detach(own, film, "--filter", gate.filter) for _ in range(3)]
    gate.reached()
    first, second, third = running
    done = own.jobs("cancel", first, "nothing", first[:12], second, first)
    assert done.code == 2
    assert done.err.splitlines() == [
        "error: there is no job nothing here: vidproc jobs list, or GET /api/v1/jobs, tells which there are",
        f"{first} is cancelled",
        f"{second} is cancelled",
    ]
    gone = own.jobs("remove", first, third, second[:12], "--json")
    assert gone.code == 2
    refusal = f"job {third} is running: cancel it before it is removed"
    assert gone.err == f"error: {refusal}\n"
    assert json.loads(gone.out) == [
        {"id": first, "removed": True},
        {"id": second, "removed": True},
        {"id": third, "error": {"code": "usage", "message": refusal}},
    ]
    assert [it["id"] for it in own.jobs("list", "--json").told] == [third]


def test_an_id_that_is_none(shared: Cluster) -> None:
    verbs = (("show",), ("watch",), ("cancel",), ("remove",), ("fetch", "--out", "-"), ("rerun", "--detach"))
    for verb, *words in verbs:
        refused = shared.jobs(verb, "nothing", *words)
        assert refused.code == 2
        assert "there is no job nothing here" in refused.complaint


def test_no_jobs_and_no_coordinator(own: Cluster) -> None:
    listed = own.jobs("list")
    assert (listed.code, listed.out, listed.err) == (0, b"", "no jobs\n")
    assert own.jobs("list", "--json").told == []
    own.coordinator.stop()
    assert own.jobs("list").code == 3
    unreachable = own.jobs("remove", "a", "b")
    assert (unreachable.code, len(unreachable.err.splitlines())) == (3, 1)


# Doing it again, and forgetting it


def test_a_job_is_done_again_and_removed(shared: Cluster, film: Path, tmp_path: Path) -> None:
    assert shared.send(film, tmp_path / "first.mp4", "--filter", "edges").code == 0
    first = shared.jobs("list", "--limit", 1, "--json").told[0]["id"]
    told = shown(shared, first)
    assert (told["source_path"], told["result_path"]) == (str(film), str(tmp_path / "first.mp4"))
    again = shared.jobs("rerun", first, "--out", tmp_path / "again.mp4", "--json").told
    assert again["id"] != first
    assert again["sha256"] == sha256(tmp_path / "again.mp4") == sha256(tmp_path / "first.mp4")
    left = shared.jobs("rerun", first, "--detach", "--json").told["id"]
    assert shared.jobs("watch", left, "--quiet").code == 0
    assert shown(shared, left)["sha256"] == again["sha256"]
    result = Path(shown(shared, left)["folder"], "result")
    assert result.exists()
    assert shared.jobs("remove", left, again["id"], "--json").told == [
        {"id": left, "removed": True}, {"id": again["id"], "removed": True}
    ]  # fmt: skip
    until(lambda: not result.exists(), "the result to be removed")
    assert shared.jobs("show", left).code == 2


def test_a_file_of_the_job_s_filters_is_there_the_next_time(shared: Cluster, film: Path, tmp_path: Path) -> None:
    cube = tmp_path / "look.cube"
    cube.write_text("LUT_1D_SIZE 2\n1 1 1\n0 0 0\n")
    assert shared.send(film, tmp_path / "first.mp4", "--filter", f"lut:file={cube}").code == 0
    cube.unlink()
    first = shared.jobs("list", "--limit", 1, "--json").told[0]["id"]
    assert shared.jobs("rerun", first, "--out", tmp_path / "again.mp4").code == 0
    assert sha256(tmp_path / "again.mp4") == sha256(tmp_path / "first.mp4")


def test_a_rerun_wants_to_know_what_becomes_of_the_result(shared: Cluster) -> None:
    assert "give --out OUT to wait" in shared.jobs("rerun", "1").complaint
    assert "give --out OUT to wait" in shared.jobs("rerun", "1", "--detach", "--out", "-").complaint


def test_a_rerun_that_is_interrupted_cancels_its_job(own: Cluster, film: Path, gate: Gate, tmp_path: Path) -> None:
    first = detach(own, film, "--filter", gate.filter)
    gate.open()
    assert own.jobs("watch", first, "--quiet").code == 0
    gate.close()
    words = ("jobs", "rerun", first, "--out", tmp_path / "again.mp4", *own.by_tcp)
    with subprocess.Popen([str(word) for word in (BIN / "vidproc", *words)], stderr=subprocess.PIPE) as again:
        gate.reached()
        again.send_signal(signal.SIGINT)
        assert again.wait(15) == 130
    newest = own.jobs("list", "--limit", 1, "--json").told[0]["id"]
    assert newest != first
    until(lambda: shown(own, newest)["state"] == "cancelled", "the job to be cancelled")
    assert not (tmp_path / "again.mp4").exists()


# Coordinators that die


def test_jobs_outlive_their_coordinator(own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    done = detach(own, film, "--filter", "invert")
    assert own.jobs("watch", done, "--quiet").code == 0
    before = shown(own, done)
    left = detach(own, film, "--filter", gate.filter)
    gate.reached()
    own.coordinator.end()
    gate.open()
    own.start_coordinator(port=own.port)
    assert shown(own, done) == before
    assert own.jobs("fetch", left, "--out", tmp_path / "out.mp4", "--quiet").code == 0
    assert sha256(tmp_path / "out.mp4") == plain
    assert own.jobs("fetch", done, "--out", tmp_path / "done.mp4", "--quiet").code == 0
    assert sha256(tmp_path / "done.mp4") == before["sha256"]
    assert [it["id"] for it in own.jobs("list", "--json").told] == [left, done]


def test_jobs_may_be_written_down_in_postgresql(postgres: Postgres, film: Path, gate: Gate, tmp_path: Path) -> None:
    database = ("--database-url", postgres.new_database())
    with cluster(tmp_path / "own", *database) as own:
        own.add_worker(1, "--allow-custom")
        left = detach(own, film, "--filter", gate.filter)
        gate.reached()
        own.coordinator.end()
        gate.open()
        own.start_coordinator(*database, port=own.port)
        assert own.jobs("watch", left, "--quiet").code == 0
        before = shown(own, left)
        own.coordinator.stop()
        own.start_coordinator(*database, port=own.port)
        assert shown(own, left) == before
        assert not list(own.data.glob("*.db"))


def test_a_postgresql_that_is_away_in_mid_job_costs_nothing(
    postgres: Postgres, film: Path, gate: Gate, tmp_path: Path
) -> None:
    """Chunks go on; the end of a job, and new jobs, wait for it or are refused."""
    url = postgres.new_database()
    with cluster(tmp_path / "own", "--database-url", url) as own:
        own.add_worker(1, "--allow-custom")
        sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
        gate.reached()
        with postgres.away(url):
            gate.open()
            sending.saying("the job's end cannot be written down yet")
            assert own.send(film, tmp_path / "other.mp4").complaint.startswith("error: the database: ")
        assert sending.wait() == 0, sending.said
        assert len(own.log("a chunk cannot be written down")) == 5
        assert own.send(film, tmp_path / "other.mp4", "--filter", gate.filter).code == 0
        assert sha256(tmp_path / "out.mp4") == sha256(tmp_path / "other.mp4")


def test_whoever_watches_goes_on_watching(own: Cluster, film: Path, gate: Gate) -> None:
    job_id = detach(own, film, "--filter", gate.filter)
    gate.reached()
    command = [str(word) for word in (BIN / "vidproc", "jobs", "watch", job_id, *own.by_tcp)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stderr is not None
        until(lambda: "frames" in watching.stderr.readline(), "some progress")  # type: ignore[union-attr]
        own.coordinator.end()
        until(lambda: "connection lost" in watching.stderr.readline(), "the loss to be seen")  # type: ignore[union-attr]
        gate.open()
        own.start_coordinator(port=own.port)
        assert watching.wait(30) == 0
        last = watching.stderr.read().splitlines()[-1]
        assert last.startswith(f"{film.name} is done: vidproc jobs fetch {job_id} --host")
