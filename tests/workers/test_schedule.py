"""When the jobs are due: the table of R26 and R33, and the arithmetic of its ticks, nights with odd hours included."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.models import JobName
from workers.schedule import SCHEDULES, Schedule

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")

_BY_JOB = {schedule.job: schedule for schedule in SCHEDULES}
DAILY = _BY_JOB[JobName.ORPHANED_FILE_CLEANUP]
WEEKLY = _BY_JOB[JobName.QUOTA_RECONCILIATION]
OFTEN = _BY_JOB[JobName.EXPIRED_UPLOAD_CLEANUP]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_what_was_seen_is_not_looked_at_again_and_changes_nothing() -> None:
    sunday = moment("2026-03-08 03:00")
    for minutes in (0, 1, 5000, 10_079):
        seen = sunday + timedelta(minutes=minutes, seconds=30)
        for later in (0, 1, 2, 30):
            now = seen + timedelta(minutes=later)
            expected = WEEKLY.latest_tick(now, UTC_ZONE)
            assert WEEKLY.latest_tick(now, UTC_ZONE, known=sunday, seen=seen) == expected


@pytest.mark.requirement("R26")
@pytest.mark.requirement("R33")
def test_the_table_is_the_one_that_is_required() -> None:
    assert {schedule.job.value: schedule.cron for schedule in SCHEDULES} == {
        "orphaned_file_cleanup": "0 2 * * *",
        "quota_reconciliation": "0 3 * * 0",
        "expired_upload_cleanup": "*/10 * * * *",
    }


@pytest.mark.requirement("R26")
def test_the_cleanup_is_due_every_day_at_two() -> None:
    assert DAILY.latest_tick(moment("2026-03-10 02:00:00"), UTC_ZONE) == moment("2026-03-10 02:00")
    assert DAILY.latest_tick(moment("2026-03-10 01:59:59"), UTC_ZONE) == moment("2026-03-09 02:00")
    assert DAILY.latest_tick(moment("2026-03-10 23:59:59"), UTC_ZONE) == moment("2026-03-10 02:00")


@pytest.mark.requirement("R33")
def test_the_reconciliation_is_due_every_sunday_at_three() -> None:
    sunday = moment("2026-03-08 03:00")
    assert sunday.strftime("%A") == "Sunday"
    assert WEEKLY.latest_tick(sunday, UTC_ZONE) == sunday
    assert WEEKLY.latest_tick(sunday - timedelta(seconds=1), UTC_ZONE) == sunday - timedelta(days=7)
    assert WEEKLY.latest_tick(sunday + timedelta(days=6, hours=23), UTC_ZONE) == sunday


def test_expired_uploads_are_due_every_ten_minutes() -> None:
    assert OFTEN.latest_tick(moment("2026-03-10 12:09:59"), UTC_ZONE) == moment("2026-03-10 12:00")
    assert OFTEN.latest_tick(moment("2026-03-10 12:10:00"), UTC_ZONE) == moment("2026-03-10 12:10")


@pytest.mark.requirement("R26")
def test_the_zone_says_which_two_o_clock_is_meant() -> None:
    now = moment("2026-01-10 12:00")
    assert DAILY.latest_tick(now, BERLIN) == moment("2026-01-10 01:00")
    assert DAILY.latest_tick(now, ZoneInfo("Asia/Kathmandu")) == moment("2026-01-09 20:15")


@pytest.mark.requirement("R26")
def test_the_night_without_a_two_o_clock_has_its_run_right_after_the_gap() -> None:
    # In Berlin, 2026-03-29 goes from 01:59 to 03:00.
    assert DAILY.latest_tick(moment("2026-03-29 00:59:59"), BERLIN) == moment("2026-03-28 01:00")
    assert DAILY.latest_tick(moment("2026-03-29 01:00"), BERLIN) == moment("2026-03-29 01:00")
    assert DAILY.latest_tick(moment("2026-03-30 00:00"), BERLIN) == moment("2026-03-30 00:00")


@pytest.mark.requirement("R26")
def test_the_night_with_two_two_o_clocks_has_one_run() -> None:
    # In Berlin, 2026-10-25 is 02:00 at 00:00 UTC, and again at 01:00 UTC.
    assert DAILY.latest_tick(moment("2026-10-25 00:00"), BERLIN) == moment("2026-10-25 00:00")
    assert DAILY.latest_tick(moment("2026-10-25 01:30"), BERLIN) == moment("2026-10-25 00:00")


def test_what_is_due_in_every_hour_is_due_in_the_one_that_is_lived_twice() -> None:
    assert OFTEN.latest_tick(moment("2026-10-25 00:35"), BERLIN) == moment("2026-10-25 00:30")
    assert OFTEN.latest_tick(moment("2026-10-25 01:35"), BERLIN) == moment("2026-10-25 01:30")


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.job.value)
@pytest.mark.parametrize("zone", [UTC_ZONE, BERLIN, ZoneInfo("America/St_Johns")], ids=str)
def test_ticks_follow_each_other_by_a_period_and_never_by_two(schedule: Schedule, zone: ZoneInfo) -> None:
    now = moment("2026-11-08 12:00")
    for _ in range(2):
        tick = schedule.latest_tick(now, zone)
        before = schedule.latest_tick(tick - timedelta(seconds=1), zone)
        assert abs((tick - before) - schedule.period) <= timedelta(hours=1)
        now = before
