"""Working for a client only as long as it is there."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.types import Receive, Send

# Far longer than any network hiccup, and short enough that clients who stall cannot hold files open for ever. A player that
# pauses for longer asks for the rest with a new range.
STALL_SECONDS = 120.0


class ClientStalled(Exception):
    """The client is there, but takes no bytes."""


async def send_bytes(send: Send, data: bytes, *, stall_seconds: float = STALL_SECONDS) -> None:
    """Send a part of a body; returns when there is room for more. Raises ClientStalled when there is none for too long."""
    try:
        async with asyncio.timeout(stall_seconds):
            await send({"type": "http.response.body", "body": data, "more_body": True})
            # Sending waits only when the server's buffer is full, and never when nobody is there any more; reading from
            # memory does not wait either. Everybody else, the watch over the connection too, gets a turn here.
            await asyncio.sleep(0)
    except TimeoutError as error:
        raise ClientStalled from error


async def while_connected(receive: Receive, work: Coroutine[Any, Any, None]) -> bool:
    """Run `work`, and cancel it as soon as the client hangs up. Whether it came to its end; raises what it raises.

    Without this, a server that is asked to send to nobody says nothing (uvicorn), and the rest of a large file would be read
    for nobody, or, while the store is slow, a file stay open for nobody.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_hung_up(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return False
        await working
        return True
    finally:
        for task in (working, watching):
            task.cancel()
        # Only when the work has ended are its files closed, so nothing goes on before that.
        await asyncio.gather(working, watching, return_exceptions=True)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
