"""A filter over a film by OpenCV alone: `VideoCapture`, the filter, `VideoWriter`.

OpenCV's wheel has no H.264 encoder, so this writes MPEG-4 at the quality that OpenCV chooses: a quicker encoder, and a
file of more than twice the size. The sound is lost. Threads are as OpenCV likes.
"""

from __future__ import annotations

import cv2

from benchmarks.tasks import TASKS
from benchmarks.users.options import parse


def main() -> None:
    given = parse("A filter over a film by OpenCV alone.")
    task = TASKS[given.filter]
    plain, gray = task.plain(), task.reads == "gray"
    source = cv2.VideoCapture(str(given.clip))
    size = int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT))
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    film = cv2.VideoWriter(str(given.out), fourcc, source.get(cv2.CAP_PROP_FPS), size, isColor=not gray)
    while True:
        there, frame = source.read()
        if not there:
            break
        film.write(plain(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if gray else frame))
    film.release()
    source.release()


if __name__ == "__main__":
    main()
