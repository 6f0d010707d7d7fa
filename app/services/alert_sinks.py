"""Where alerts are delivered to: a webhook that takes JSON of one of two forms."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import orjson

from app.models import Alert

Format = Literal["generic", "alertmanager"]

TIMEOUT_SECONDS = 5.0  # of one delivery, from looking up the name to the status


class NotTaken(Exception):
    """A sink did not take an alert. `reason` tells nothing of the sink's address, which may hold a secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Sink(Protocol):
    """Takes alerts, maybe several times the same."""

    name: str

    async def send(self, alert: Alert) -> None:
        """Hand over. Must return, or raise NotTaken, within bounded time."""
        ...


class Webhook:
    """An HTTP address that alerts are POSTed to, the id of each as `Idempotency-Key`: it may come more than once.

    Only an answer of 2xx counts as taken. Redirects are not followed: the address is configured, and whoever may send callers
    elsewhere must not choose who hears of alerts. Nothing of the answer but its status is read.
    """

    name = "webhook"

    def __init__(self, url: str, form: Format, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        import aiohttp  # takes half a second, which commands and services without a webhook need not wait for

        self._aiohttp = aiohttp
        self._url = url
        self._body = _FORMS[form]
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def send(self, alert: Alert) -> None:
        """Hand over. Raises NotTaken."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(alert.id), "User-Agent": "satchel"}
        try:
            # A session for each: alerts are rare, and a connection that has rested for days would be a dead one.
            async with (
                self._aiohttp.ClientSession(
                    timeout=self._timeout, cookie_jar=self._aiohttp.DummyCookieJar()
                ) as session,
                session.post(
                    self._url, data=orjson.dumps(self._body(alert)), headers=headers, allow_redirects=False
                ) as answer,
            ):
                status = answer.status
                answer.close()  # whatever else it says, and however long that takes
        except (self._aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NotTaken(type(error).__name__) from error
        if not 200 <= status < 300:
            raise NotTaken(f"status {status}")


def _generic(alert: Alert) -> Mapping[str, Any]:
    return {
        "id": str(alert.id),
        "kind": alert.kind,
        "severity": alert.severity.value,
        "message": alert.message,
        "details": alert.details,
        "createdAt": _moment(alert),
    }


def _alertmanager(alert: Alert) -> list[Mapping[str, Any]]:
    """Alertmanager's API, version 2: `POST /api/v2/alerts`. It tells alerts apart by their labels, so the id is one."""
    labels = {
        "alertname": alert.kind,
        "severity": alert.severity.value.lower(),
        "service": "satchel",
        "alert_id": str(alert.id),
    }
    annotations = {"summary": alert.message, "details": orjson.dumps(alert.details).decode()}
    return [{"labels": labels, "annotations": annotations, "startsAt": _moment(alert)}]


def _moment(alert: Alert) -> str:
    return alert.created_at.isoformat(timespec="microseconds").replace("+00:00", "Z")


_FORMS: Mapping[Format, Callable[[Alert], Any]] = {"generic": _generic, "alertmanager": _alertmanager}
