"""By what one notices that Redis is away. Whoever can do without it catches these, all of them, and leaves it alone for a while."""

import time


def redis_away() -> tuple[type[Exception], ...]:
    """The classes to catch, for those who have a client. Whoever has none never loads it: it takes a tenth of a second."""
    from redis.exceptions import RedisError

    # For what is sent on a connection that has just been broken uvloop raises RuntimeError, where asyncio's own loop raises
    # OSError, and AttributeError in Python 3.13; the Redis client passes each on as it is.
    return RedisError, OSError, RuntimeError, AttributeError


class Rest:
    """The time for which a Redis that did not answer is left alone, in seconds: not every caller is to wait for it anew."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0

    @property
    def over(self) -> bool:
        """Whether it may be asked."""
        return time.monotonic() >= self._until

    def begin(self) -> None:
        """It has not answered just now."""
        self._until = time.monotonic() + self._seconds
