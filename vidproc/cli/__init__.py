"""The programs: options in, exit codes out.

A Ctrl-C while a program is still being imported would end in a traceback, so one that is started with `python -m` (its
name is not in `sys.argv` yet when this package is imported) says what any other would from its first moment on.
One that is started with its output or its errors closed says them to nobody, and gives no file or socket their numbers.
"""

import importlib.util
import os
import signal
import sys


def end_early(number: int, frame: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)


while (lowest := os.open(os.devnull, os.O_RDWR)) <= 2:
    os.set_inheritable(lowest, True)
os.close(lowest)
sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
if importlib.util.find_spec("msgspec") is None:  # one for all: a source tree whose doors found no environment
    print(f"error: {sys.executable} has not the packages that vidproc needs: run make setup first", file=sys.stderr)
    sys.exit(2)

if sys.argv[:1] == ["-m"]:
    signal.signal(signal.SIGINT, end_early)
