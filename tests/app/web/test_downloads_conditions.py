"""Conditional requests for a file (RFC 9110, section 13)."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from app.web.preconditions import Outcome, Validators, parse_date

pytestmark = pytest.mark.requirement("R4")

STORED = datetime(2025, 3, 30, 2, 30, 15, 999_999, tzinfo=UTC)
VALIDATORS = Validators.of("ab" * 32, STORED)
ETAG = f'"{"ab" * 32}"'
SAME = "Sun, 30 Mar 2025 02:30:15 GMT"
BEFORE = "Sun, 30 Mar 2025 02:30:14 GMT"
AFTER = "Sun, 30 Mar 2025 02:30:16 GMT"

PROCEED, NOT_MODIFIED, FAILED = Outcome.PROCEED, Outcome.NOT_MODIFIED, Outcome.FAILED


def headers(*fields: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.lower().encode(), value.encode("latin-1")) for name, value in fields])


def test_the_etag_is_strong_and_last_modified_has_whole_seconds() -> None:
    assert (VALIDATORS.etag, VALIDATORS.last_modified) == (ETAG, SAME)


@pytest.mark.parametrize(
    "fields, expected",
    [
        ([], PROCEED),
        # If-Match compares strongly.
        ([("If-Match", ETAG)], PROCEED),
        ([("If-Match", "*")], PROCEED),
        ([("If-Match", f'"other", {ETAG}')], PROCEED),
        ([("If-Match", '"other"'), ("If-Match", ETAG)], PROCEED),
        ([("If-Match", f"W/{ETAG}")], FAILED),
        ([("If-Match", '"other"')], FAILED),
        ([("If-Match", "")], FAILED),
        ([("If-Match", ETAG.strip('"'))], FAILED),
        # If-Unmodified-Since
        ([("If-Unmodified-Since", SAME)], PROCEED),
        ([("If-Unmodified-Since", AFTER)], PROCEED),
        ([("If-Unmodified-Since", BEFORE)], FAILED),
        ([("If-Unmodified-Since", "yesterday")], PROCEED),
        ([("If-Unmodified-Since", BEFORE), ("If-Unmodified-Since", BEFORE)], PROCEED),
        # If-Match makes If-Unmodified-Since void.
        ([("If-Match", ETAG), ("If-Unmodified-Since", BEFORE)], PROCEED),
        # If-None-Match compares weakly.
        ([("If-None-Match", ETAG)], NOT_MODIFIED),
        ([("If-None-Match", f"W/{ETAG}")], NOT_MODIFIED),
        ([("If-None-Match", f'"a,b" ,,{ETAG}')], NOT_MODIFIED),
        ([("If-None-Match", "*")], NOT_MODIFIED),
        ([("If-None-Match", '"other"')], PROCEED),
        ([("If-None-Match", f'"{ETAG}"')], PROCEED),
        # If-Modified-Since
        ([("If-Modified-Since", SAME)], NOT_MODIFIED),
        ([("If-Modified-Since", AFTER)], NOT_MODIFIED),
        ([("If-Modified-Since", BEFORE)], PROCEED),
        ([("If-Modified-Since", "1743301816")], PROCEED),
        ([("If-Modified-Since", AFTER), ("If-Modified-Since", AFTER)], PROCEED),
        # If-None-Match makes If-Modified-Since void.
        ([("If-None-Match", '"other"'), ("If-Modified-Since", AFTER)], PROCEED),
        # The first pair comes before the second one.
        ([("If-Match", '"other"'), ("If-None-Match", ETAG)], FAILED),
        ([("If-Unmodified-Since", BEFORE), ("If-Modified-Since", AFTER)], FAILED),
        ([("If-Match", ETAG), ("If-None-Match", ETAG)], NOT_MODIFIED),
    ],
)
def test_preconditions_in_their_order_of_precedence(fields: list[tuple[str, str]], expected: Outcome) -> None:
    assert VALIDATORS.evaluate(headers(*fields)) is expected


@pytest.mark.parametrize(
    "values, expected",
    [
        ([], True),
        ([ETAG], True),
        ([SAME], True),
        ([f"W/{ETAG}"], False),
        (['"other"'], False),
        ([f'{ETAG}, "other"'], False),
        (["*"], False),
        ([AFTER], False),
        ([BEFORE], False),
        ([""], False),
        ([ETAG, ETAG], False),
    ],
)
def test_a_range_counts_only_for_the_version_it_was_asked_of(values: list[str], *, expected: bool) -> None:
    assert VALIDATORS.allow_range(headers(*(("If-Range", value) for value in values))) is expected


@given(moment=st.datetimes(datetime(1970, 1, 1), datetime(2060, 1, 1)))  # noqa: DTZ001 - made aware below
def test_all_three_forms_of_a_date_are_read(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    since = 2025
    assert parse_date(format_datetime(moment, usegmt=True), since=since) == moment
    assert parse_date(moment.strftime("%a %b %e %H:%M:%S %Y"), since=since) == moment
    if moment.year > since - 50:
        assert parse_date(moment.strftime("%A, %d-%b-%y %H:%M:%S GMT"), since=since) == moment


def test_a_year_of_two_digits_is_at_most_fifty_years_ahead() -> None:
    assert parse_date("Sunday, 06-Nov-75 08:49:37 GMT", since=2025) == datetime(2075, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert parse_date("Sunday, 06-Nov-76 08:49:37 GMT", since=2025) == datetime(1976, 11, 6, 8, 49, 37, tzinfo=UTC)


def test_a_leap_second_is_a_date() -> None:
    assert parse_date("Sat, 31 Dec 2016 23:59:60 GMT", since=2025) == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "Sun, 30 Mar 2025 02:30:15",
        "Sun, 30 Mar 2025 02:30:15 UTC",
        "Sun, 30 Mar 2025 02:30:15 +0000",
        "Sun, 31 Feb 2025 02:30:15 GMT",
        "Sun, 30 Mar 2025 24:30:15 GMT",
        "Sun, 30 Mar 2025 02:30:61 GMT",
        "Sun, 30 Mar 0000 02:30:15 GMT",
        "Son, 30 Mär 2025 02:30:15 GMT",
        "2025-03-30T02:30:15Z",
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    assert parse_date(text, since=2025) is None


@given(text=st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_field_breaks_the_evaluation(text: str) -> None:
    names = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range")
    for name in names:
        VALIDATORS.evaluate(headers((name, text)))
        VALIDATORS.allow_range(headers((name, text)))
    assert parse_date(text, since=2025) is None


def test_the_time_zone_of_the_stored_moment_does_not_matter() -> None:
    elsewhere = STORED.astimezone(tz=datetime.strptime("+0545", "%z").tzinfo)
    assert Validators.of("ab" * 32, elsewhere) == VALIDATORS
    assert Validators.of("ab" * 32, elsewhere + timedelta(seconds=1)) != VALIDATORS
