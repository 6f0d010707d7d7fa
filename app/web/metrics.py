"""`/metrics`, for Prometheus. Every process shows its own figures.

Like `/readyz` it is open, unless METRICS_TOKEN says who may come: it names no user and no file, but tells how much is going on.
"""

import asyncio
import hmac
from typing import Protocol

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.settings import Settings
from app.telemetry.figures import Figures
from app.telemetry.setup import PROMETHEUS_TEXT, Telemetry
from app.web.routing import GetOnly


class Measured(Protocol):
    """What is shown of the runtime."""

    @property
    def settings(self) -> Settings: ...
    @property
    def telemetry(self) -> Telemetry: ...
    @property
    def figures(self) -> Figures: ...


def metrics_routes(runtime: Measured) -> list[Route]:
    """The route, for GET and HEAD."""
    token = runtime.settings.metrics_token.get_secret_value()

    async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
        if token and not _may_read(scope, token):
            await Response(status_code=401, headers={"www-authenticate": "Bearer"})(scope, receive, send)
            return
        await runtime.figures.refresh()
        # In a thread: with all labels in use it takes milliseconds.
        text = await asyncio.to_thread(runtime.telemetry.prometheus)
        headers = {"cache-control": "no-store", "content-type": PROMETHEUS_TEXT}
        await Response(text, headers=headers)(scope, receive, send)

    return [Route("/metrics", GetOnly(metrics))]


def _may_read(scope: Scope, token: str) -> bool:
    scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
