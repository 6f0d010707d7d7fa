"""What the parts of a process know together about whether Redis is there."""

import asyncio
import random

import structlog

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 3.0

_log = structlog.get_logger("satchel.events")


class Link:
    """One line of the log when Redis goes, and one when all parts have found it again."""

    def __init__(self) -> None:
        self._waits: dict[str, float] = {}

    async def failed(self, part: str, error: Exception) -> None:
        """A part's attempt has failed: wait before the next one, each time for longer."""
        if not self._waits:
            _log.warning("bus.redis_away", error=type(error).__name__)
        wait = self._waits.get(part, _FIRST_WAIT_SECONDS)
        self._waits[part] = min(2 * wait, _LONGEST_WAIT_SECONDS)
        await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - jitter, not a secret

    def works(self, part: str) -> None:
        """A part's attempt has succeeded."""
        if self._waits.pop(part, None) is not None and not self._waits:
            _log.info("bus.redis_back")
