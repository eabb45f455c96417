"""Files that filters name, from a client's folder to slots on daemons: the same film whoever made it."""

from __future__ import annotations

import subprocess
import zlib
from pathlib import Path

import pytest

import vidproc
from tests.end_to_end.programs import BIN, Cluster, cluster, run, sha256
from tests.filters.sample_files import cube, encoded, logo

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    (made / "logo.png").write_bytes(encoded(logo()))
    (made / "look.cube").write_bytes(cube(17))
    return made


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are the client's; the daemons were started elsewhere."""
    monkeypatch.chdir(folder)


JOB = ("--filter", "overlay:file=logo.png,position=top-right,scale=0.3", "--filter", "lut:file=look.cube,strength=0.7")


@pytest.fixture(scope="module")
def expected(film: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("expected") / "out.mp4"
    filters = [words.replace("file=", f"file={folder}/") for words in JOB if words != "--filter"]
    return str(vidproc.process(film, out, *filters, processes=1)["sha256"])


def test_two_daemons(film: Path, tmp_path: Path, expected: str) -> None:
    with cluster(tmp_path) as made:
        for unix in (False, True):
            made.add_worker(1, unix=unix)
        outcome = made.send(film, tmp_path / "out.mp4", *JOB)
        assert outcome.code == 0, outcome.err
    assert sha256(tmp_path / "out.mp4") == expected


def test_a_name_leaves_no_trace(shared: Cluster, film: Path, folder: Path, tmp_path: Path, expected: str) -> None:
    (tmp_path / "other name.png").write_bytes((folder / "logo.png").read_bytes())
    words = ("--filter", f"overlay:position=top-right,scale=0.3,file={tmp_path}/other name.png", *JOB[2:])
    assert shared.send(film, tmp_path / "out.mp4", *words).code == 0
    assert sha256(tmp_path / "out.mp4") == expected


def test_as_a_parameter_of_one_filter(shared: Cluster, film: Path, tmp_path: Path) -> None:
    words = ("--processing", "overlay", "--param", "file=logo.png", "--param", "opacity=0.5")
    assert shared.send(film, tmp_path / "cluster.mp4", *words).code == 0
    assert run(film, "-o", tmp_path / "here.mp4", *words).code == 0
    assert sha256(tmp_path / "cluster.mp4") == sha256(tmp_path / "here.mp4")


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_bad_files_are_refused(shared: Cluster, film: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "cut.png").write_bytes(encoded(logo())[:-20])
    (tmp_path / "odd.cube").write_bytes(cube(2).replace(b"1.000000 1.000000 0.000000", b"1.0 one 0.0"))
    for filter_, complaint in {
        f"overlay:file={tmp_path}/cut.png": "overlay: file: the picture can't be decoded: it is damaged or cut off",
        f"lut:file={tmp_path}/odd.cube": "lut: file: line 6: there must be 3 numbers, not '1.0 one 0.0'",
        "lut": "lut: file is missing: a .cube file of at most 16 MiB",
        "lut:file=nowhere.cube": "lut: cannot read nowhere.cube: No such file or directory",
    }.items():
        outcome = shared.send(film, tmp_path / "out.mp4", "--filter", filter_, *words)
        assert (outcome.code, outcome.complaint) == (2, f"error: {complaint}")


def test_of_a_picture_that_libpng_complains_of_only_our_sentence_is_seen(film: Path, tmp_path: Path) -> None:
    whole = encoded(logo())
    begin = whole.index(b"IDAT")
    size = int.from_bytes(whole[begin - 4 : begin])
    pixels = b"IDAT" + bytes(size)
    damaged = whole[:begin] + pixels + zlib.crc32(pixels).to_bytes(4) + whole[begin + 8 + size :]
    (tmp_path / "bad.png").write_bytes(damaged)
    words = [BIN / "vidproc-run", film, "-o", tmp_path / "out.mp4", "--filter", f"overlay:file={tmp_path / 'bad.png'}"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: overlay: file: the picture can't be decoded: it is damaged or cut off\n"
