"""When each job is due: one table (R26, R33), and the arithmetic of its moments, the ticks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pycron

from app.models import JobName

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job's ticks, as a cron expression on the wall clock of SCHEDULE_TIMEZONE. `period` is from one to the next."""

    job: JobName
    cron: str
    period: timedelta

    def labels(self, zone: ZoneInfo) -> dict[str, Any]:
        """The schedule as Taskiq takes it. Its id is the same in every process and after every start."""
        return {"cron": self.cron, "cron_offset": zone.key, "schedule_id": f"satchel:{self.job.value}"}

    def latest_tick(
        self, now: datetime, zone: ZoneInfo, *, known: datetime | None = None, seen: datetime | None = None
    ) -> datetime:
        """The last tick that is not after `now`; a whole minute in UTC. A `known` earlier one shortens the search, and so does the
        moment up to which it is known to have been the last: a week has ten thousand minutes.

        When clocks go forward, a tick in the hour that is left out comes right after it. When they go back, the hour that
        is lived twice has its ticks once, unless they come in every hour. So no night is without its run, or has two.
        """
        minute = now.astimezone(UTC).replace(second=0, microsecond=0)
        oldest = minute - self.period - timedelta(days=1)
        while minute > oldest:
            if known is not None and seen is not None and known <= minute <= seen:
                return known
            if minute == known or self._is_due(minute, zone):
                return minute
            minute -= _MINUTE
        raise ValueError(f"{self.job}: no tick of {self.cron!r} in {self.period} and a day")

    def _is_due(self, minute: datetime, zone: ZoneInfo) -> bool:
        hourly = self.cron.split()[1] == "*"
        return any(pycron.is_now(self.cron, wall) and (hourly or not wall.fold) for wall in _wall_minutes(minute, zone))


SCHEDULES = (
    Schedule(JobName.ORPHANED_FILE_CLEANUP, "0 2 * * *", timedelta(days=1)),
    Schedule(JobName.QUOTA_RECONCILIATION, "0 3 * * 0", timedelta(weeks=1)),
    Schedule(JobName.EXPIRED_UPLOAD_CLEANUP, "*/10 * * * *", timedelta(minutes=10)),
)
PERIODS = {schedule.job: schedule.period for schedule in SCHEDULES}


def _wall_minutes(minute: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """What the zone's clocks show in this minute, and the minutes that they have just left out."""
    wall = minute.astimezone(zone)
    yield wall
    ahead = (wall.utcoffset() or timedelta()) - ((minute - _MINUTE).astimezone(zone).utcoffset() or timedelta())
    for skipped in range(1, ahead // _MINUTE + 1):
        yield wall.replace(tzinfo=None) - skipped * _MINUTE
