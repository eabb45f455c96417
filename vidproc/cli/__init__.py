"""The programs: options in, exit codes out.

A Ctrl-C while a program is still being imported would end in a traceback, so one that is started with `python -m` (its
name is not in `sys.argv` yet when this package is imported) says what any other would from its first moment on.
"""

import os
import signal
import sys


def end_early(number: int, frame: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)


if sys.argv[:1] == ["-m"]:
    signal.signal(signal.SIGINT, end_early)
