"""The product, and around it a count of the body's bytes that its application has taken when its reply begins.

The reply tells it in a header. Everything else is as in `python -m app serve`, settings from the environment included.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.allocator import keep_receive_buffers
from app.main import create_app
from app.settings import Settings
from app.telemetry.logs import configure_logging
from tests.bench.sides.serving import serve

HEADER = "x-bytes-taken"


class Counted:
    """The application and the count."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        taken = 0

        async def counting_receive() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return message

        async def telling_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (HEADER.encode(), str(taken).encode())]}
            await send(message)

        await self._app(scope, counting_receive, telling_send)


if __name__ == "__main__":
    _settings = Settings.load()
    configure_logging(_settings.log_level)
    keep_receive_buffers()
    serve(Counted(create_app(_settings)))
