"""A filter over a film in a loop by PyAV, with FFmpeg's own threads in the decoder and in the encoder.

Frames come as arrays in the format that the filter wants, as in PyAV's own examples. The sound is left out.
"""

from __future__ import annotations

import av

from benchmarks.tasks import TASKS
from benchmarks.users.options import parse


def main() -> None:
    given = parse("A filter over a film in a loop by PyAV.")
    task = TASKS[given.filter]
    plain = task.plain()
    with av.open(str(given.clip)) as source, av.open(str(given.out), "w") as film:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        settings = {"preset": given.preset, "crf": str(given.crf)}
        made = film.add_stream("libx264", rate=video.average_rate, options=settings)
        made.width, made.height, made.pix_fmt, made.thread_type = video.width, video.height, "yuv420p", "AUTO"
        for frame in source.decode(video):
            result = plain(frame.to_ndarray(format=task.reads))
            picture = av.VideoFrame.from_ndarray(result, task.reads)
            picture.pts, picture.time_base = frame.pts, frame.time_base
            film.mux(made.encode(picture))
        film.mux(made.encode(None))


if __name__ == "__main__":
    main()
