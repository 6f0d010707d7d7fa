"""Ending tasks that work for as long as a process, and talk to servers."""

import asyncio
from typing import Any

_HEED_SECONDS = 0.1


async def end_task(task: asyncio.Task[Any]) -> None:
    """Cancel the task until it has ended.

    Once is not enough before Python 3.12: `asyncio.wait_for`, through which the Redis client sends every command and asyncpg every
    statement, forgets a cancellation that comes while what it waits for is just done. A loop then goes on for ever, and whoever
    waits for its end with it.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_HEED_SECONDS)
