"""The app's clock. Retention and expiry read it; leases read the database's clock instead (see `app.db`)."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the product gets the time from."""

    def now(self) -> datetime:
        """The present moment, aware and in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment, aware and in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is told to move: time in tests is data."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment the clock was set to, aware and in UTC."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump to `moment`, which must be aware."""
        self._now = moment.astimezone(UTC)

    def advance(self, *, seconds: float = 0, days: float = 0) -> None:
        """Move on (or back, with a negative figure)."""
        self._now += timedelta(seconds=seconds, days=days)
