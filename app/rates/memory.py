"""Counters in this process, for the strategies of `limits`."""

import time
from collections import OrderedDict

from limits.aio.storage import Storage

_MAX_KEYS = 100_000  # some 20 MB


class BoundedMemory(Storage):
    """Counts what happens in fixed windows of time.

    The library's own storage in memory looks at all keys at every hit, and keeps as many as strangers care to make. Here a hit takes
    the same time whatever else is counted, and of too many windows those go that began first.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()  # the end of the window, and the count

    @property
    def base_exceptions(self) -> type[Exception]:
        """None of its own: a dictionary does not fail."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """The count with `amount` added, in a window that ends `expiry` seconds after its first hit."""
        now = time.time()
        ends_at, count = self._windows.get(key, (0.0, 0))
        if ends_at <= now:
            self._windows.pop(key, None)  # so that the new window stands at the end
            ends_at, count = now + expiry, 0
            self._make_room(now)
        self._windows[key] = ends_at, count + amount
        return count + amount

    async def get(self, key: str) -> int:
        """The count in the present window."""
        ends_at, count = self._windows.get(key, (0.0, 0))
        return count if ends_at > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since 1970; now when there is none."""
        return max(self._windows.get(key, (0.0, 0))[0], time.time())

    async def check(self) -> bool:
        """It works."""
        return True

    async def reset(self) -> int | None:
        """Forget everything."""
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget one key."""
        self._windows.pop(key, None)

    def _make_room(self, now: float) -> None:
        # Two at a time: more than one window that is made at a time, so what is over goes sooner or later.
        for _ in range(2):
            oldest = next(iter(self._windows), None)
            if oldest is not None and (self._windows[oldest][0] <= now or len(self._windows) >= _MAX_KEYS):
                del self._windows[oldest]
