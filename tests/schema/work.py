"""How much work something is, in a measure that is the same on every machine, however busy: the calls that Python makes.

What a loop does without calls, and how long one call of C takes, are not seen; `tests/bench` measures the time.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Work:
    """What was counted."""

    def __init__(self) -> None:
        self.calls = 0

    def count(self, _frame: FrameType, event: str, _arg: object) -> None:
        """A profile function, as `sys.setprofile` takes it."""
        if event in {"call", "c_call"}:
            self.calls += 1


@contextmanager
def counted() -> Iterator[Work]:
    """Count the calls of functions, Python's and C's, that this thread makes meanwhile."""
    work, before = Work(), sys.getprofile()
    sys.setprofile(work.count)
    try:
        yield work
    finally:
        sys.setprofile(before)
