"""Replies that reach a client which is still sending its body."""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Send

from app.web.body import RequestBody

# A client that waits for "100 Continue" has sent nothing; it is given this long to read its refusal and hang up.
_UNASKED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class DiscardBounds:
    """How much of a body is read and forgotten behind a reply, so that the reply can be read."""

    limit_bytes: int = 64 * 1024 * 1024
    seconds: float = 10.0


async def send_reply(send: Send, body: RequestBody, response: Response, bounds: DiscardBounds) -> None:
    """Send a whole reply to a request whose body may not have been read to its end.

    If it was not, the reply is sent first, then the rest of the body is discarded within `bounds`, and only then is the
    response ended and the connection closed: closing at once would reset the connection under the client's feet, and many
    clients then lose a reply that has already arrived. The discarding comes before the last frame because uvicorn's
    `receive()` gives nothing but a disconnect once a response has ended.
    """
    unread = not body.complete
    closing = [(b"connection", b"close")] if unread else []
    headers = [*response.raw_headers, *closing]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(response.body), "more_body": unread})
    if unread:
        seconds = min(bounds.seconds, _UNASKED_SECONDS) if body.awaits_permission else bounds.seconds
        await body.discard(limit_bytes=bounds.limit_bytes, seconds=seconds)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
