"""`make screenshots`: what `vidproc top` shows of a cluster at work."""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.end_to_end.programs import Cluster, cluster, until
from vidproc import scratch
from vidproc.cli.top_view import Frame, picture
from vidproc.client.endpoint import Endpoint
from vidproc.client.looking import Seen, look
from vidproc.media.sample import make_sample
from vidproc.transport.address import Address

PATH = Path(__file__).parents[2] / "docs" / "screenshots" / "top.svg"
_COLUMNS = 100
_FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Without fonts from elsewhere: the reader's own will do."""


def main() -> None:
    env = {**os.environ, "VIDPROC_COORDINATOR_NAME": "studio"}
    with scratch.folder() as folder, cluster(folder / "cluster", env=env) as here:
        seen = _in_mid_work(here, folder)
        jobs = here.jobs("list", "--json").told
        here.jobs("cancel", *(job["id"] for job in jobs if not job["ended_at"]))
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(svg(picture(seen, Frame(_COLUMNS, clock="14:03:22"))))
    print(PATH)


def _in_mid_work(here: Cluster, folder: Path) -> Seen:
    """Three daemons that are at three jobs, and a job that none of them may do."""
    own = folder / "own.py"
    own.write_text("def same(frame):\n    return frame\n")
    for name, *words in (("ada", "--rate-limit", 64), ("grace",), ("hedy",)):
        here.add_worker(1, "--name", name, *words)
    make_sample(folder / "film.mp4", seconds=12)
    for name, filter_ in (("coast", "denoise"), ("harbour", "denoise"), ("dunes", own)):
        shutil.copy(folder / "film.mp4", folder / f"{name}.mp4")
        sent = here.send(folder / f"{name}.mp4", "out.mp4", "--detach", *("--filter", filter_) * 8)
        assert sent.code == 0, sent.err
    endpoint = Endpoint(Address.unix(here.unix))
    seen: Seen = until(lambda: _worth_seeing(asyncio.run(look(endpoint))), "jobs that are under way", 120)
    return seen


def _worth_seeing(seen: Seen) -> Seen | None:
    moving = [it for it in seen.status.jobs if it.slots and it.frames_done * 8 > it.frames_total]
    return seen if len(moving) >= 2 and all((it.cpu_percent or 0) > 5 for it in seen.status.workers) else None


def svg(text: Text) -> str:
    console = Console(width=_COLUMNS, file=io.StringIO(), record=True, force_terminal=True, color_system="truecolor")
    console.print(text)
    return console.export_svg(title="vidproc top", code_format=_FORMAT, unique_id="top")


if __name__ == "__main__":
    main()
