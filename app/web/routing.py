"""Routing in which what is refused is refused in one form: by an error that `app.web.middleware` answers."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose


def router(routes: Sequence[BaseRoute]) -> Router:
    """The routes, and a 404 for everything else. A slash too many is no other spelling of an address.

    (Redirecting it away would repeat signed URLs in a header, and lose the bodies of those who do not follow.)
    """
    return Router(routes, default=_not_found, redirect_slashes=False)


class GetOnly:
    """An ASGI endpoint for GET and HEAD. Any other method gets a 405."""

    def __init__(self, endpoint: ASGIApp) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        await self._endpoint(scope, receive, send)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    raise HTTPException(404)
