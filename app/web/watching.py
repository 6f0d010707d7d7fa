"""Every request as metrics and traces show it. By its method, its route and its status, all of which are words of ours."""

from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import Scope

from app.telemetry.metrics import Metrics
from app.telemetry.tracing import CARRIED, Span

# What is asked for all the time and means nothing makes no traces, and no lines in the log when all is well.
QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics"})

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"})
_NO_ROUTE = "none"


def sender_of(scope: Scope) -> dict[str, str]:
    """What the client tells of its trace (W3C Trace Context)."""
    headers = Headers(scope=scope)
    return {name: value for name in CARRIED if (value := headers.get(name)) is not None}


def measure(metrics: Metrics, scope: Scope, status: int | None, seconds: float, received: int, sent: int) -> None:
    """Count a request that has ended. `status` None: without any answer; sizes in bytes."""
    labels, with_status = _labels(*_kind(scope), str(status or "none"))
    metrics.http_request_duration.record(seconds, with_status)
    metrics.http_request_size.record(received, labels)
    metrics.http_response_size.record(sent, labels)


def describe(span: Span, scope: Scope, status: int | None) -> None:
    """Say in the span what the request was, now that its route is known."""
    labels = dict(_labels(*_kind(scope), "")[0])
    span.update_name(f"{labels['http.request.method']} {labels['http.route']}")
    span.set_attributes(labels)
    if status is not None:
        span.set_attribute("http.response.status_code", status)


def _kind(scope: Scope) -> tuple[str, str]:
    """The method and the route's template; never the path, which for a signed URL is a secret."""
    method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
    return method if method in _METHODS else "_OTHER", getattr(scope.get("route"), "path", _NO_ROUTE)


@lru_cache(maxsize=512)  # methods, routes and statuses are few
def _labels(method: str, route: str, status: str) -> tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]]]:
    labels = {"http.request.method": method, "http.route": route}
    return frozenset(labels.items()), frozenset((labels | {"http.response.status_code": status}).items())
