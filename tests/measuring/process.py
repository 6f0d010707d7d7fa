"""Runs a module as `python -m` does, measured: `python -m tests.measuring.process app serve`.

Only what runs nowhere else gets probes, for putting them into the whole product takes seconds; the rest is measured in the processes
that run the tests. One that is killed, or ends by `os._exit`, leaves no results.
"""

import atexit
import os
import runpy
import signal
import sys
from collections.abc import Callable
from types import FrameType

from tests.measuring.probes import measure

ONLY_IN_PROCESSES = ("app/__main__.py", "app/cli.py", "app/job_command.py", "app/server.py", "workers/main.py")


def _leave_at_the_end(leave: Callable[[], None]) -> None:
    def leave_and_end(number: int, _: FrameType | None) -> None:
        leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    atexit.register(leave)
    signal.signal(signal.SIGTERM, leave_and_end)


if __name__ == "__main__":
    _leave_at_the_end(measure(*ONLY_IN_PROCESSES))
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
