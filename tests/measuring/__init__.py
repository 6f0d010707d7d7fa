"""Coverage of app, schema and workers, with branches, in the test run and in the processes that it starts (R44).

SlipCover puts probes into the code while it is imported, and what is measured runs at its usual speed: a tracer slows down every
line of every library too, and took a third of the time of all tests. It measures where COVERAGE_RESULTS names a folder. Each
process leaves there as JSON what it has passed, and `python -m tests.measuring.report` adds it up.
"""

import os
import sys

RESULTS = "COVERAGE_RESULTS"


def app_command(*arguments: str) -> list[str]:
    """The command line of `python -m app`, measured if the test run is."""
    measured = ["tests.measuring.process"] if RESULTS in os.environ else []
    return [sys.executable, "-m", *measured, "app", *arguments]
