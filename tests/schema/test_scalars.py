"""What the scalars take, what they refuse, and how they answer."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionResult

from schema.scalars import SCALARS, BigInt, parse_big_int, parse_date_time, parse_upload, serialize_date_time

MAX_SAFE = 2**53 - 1


@strawberry.type
class Query:
    """Echoes."""

    @strawberry.field
    def size(self, value: BigInt) -> BigInt:
        """What it was given."""
        return value

    @strawberry.field
    def moment(self, value: datetime) -> datetime:
        """What it was given."""
        return value


SCHEMA = strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS))


def _codes(result: ExecutionResult) -> list[Any]:
    return [(error.extensions or {}).get("code") for error in result.errors or []]


@pytest.mark.parametrize("value", [0, 1, -1, 2**31, MAX_SAFE, -MAX_SAFE])
def test_big_int_takes_whole_numbers_that_json_carries_exactly(value: int) -> None:
    by_variable = SCHEMA.execute_sync("query ($value: BigInt!) { size(value: $value) }", {"value": value})
    by_literal = SCHEMA.execute_sync(f"{{ size(value: {value}) }}")

    assert (by_variable.errors, by_variable.data) == (None, {"size": value})
    assert (by_literal.errors, by_literal.data) == (None, {"size": value})


@pytest.mark.parametrize(
    "value", [True, 1.5, 1.0, "1", "", [], {}, MAX_SAFE + 1, -MAX_SAFE - 1, 2**63, 10**4000, float("inf")]
)
def test_big_int_refuses_everything_else(value: object) -> None:
    with pytest.raises(GraphQLError) as refusal:
        parse_big_int(value)
    assert refusal.value.extensions == {"code": "BAD_USER_INPUT"}

    result = SCHEMA.execute_sync("query ($value: BigInt!) { size(value: $value) }", {"value": value})
    assert (result.data, _codes(result)) == (None, ["BAD_USER_INPUT"])


@pytest.mark.parametrize(
    "literal", ["true", "1.5", "1.0", "1e3", '"1"', "ONE", "{a: 1}", str(MAX_SAFE + 1), "-" + "9" * 30, "9" * 5000]
)
def test_big_int_refuses_literals_that_are_no_whole_number_in_range(literal: str) -> None:
    result = SCHEMA.execute_sync(f"{{ size(value: {literal}) }}")

    assert (result.data, _codes(result)) == (None, ["BAD_USER_INPUT"])
    assert result.errors is not None
    assert result.errors[0].locations is not None


@pytest.mark.parametrize(
    "text, moment",
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456+00:00", datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)),
        ("2026-01-31T14:00:00+02:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
    ids=str,
)
def test_date_time_reads_iso_8601_into_utc(text: str, moment: datetime) -> None:
    parsed = parse_date_time(text)

    assert (parsed, parsed.tzinfo) == (moment, UTC)
    assert SCHEMA.execute_sync(f'{{ moment(value: "{text}") }}').data == {"moment": serialize_date_time(moment)}


@pytest.mark.parametrize(
    "value", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", 1767225600, None, True, []]
)
def test_date_time_refuses_what_is_no_moment(value: object) -> None:
    with pytest.raises(GraphQLError) as refusal:
        parse_date_time(value)

    assert refusal.value.extensions == {"code": "BAD_USER_INPUT"}


def test_date_time_answers_in_utc_with_a_z() -> None:
    moment = datetime(2026, 1, 31, 14, tzinfo=timezone(timedelta(hours=2)))

    assert serialize_date_time(moment) == "2026-01-31T12:00:00.000000Z"


@given(st.datetimes(timezones=st.just(UTC)))
def test_date_time_answers_in_the_form_of_isoformat(moment: datetime) -> None:
    assert serialize_date_time(moment) == moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


@pytest.mark.parametrize("value", [None, "file.txt", 1, [], {}])
def test_upload_refuses_what_json_can_hold(value: object) -> None:
    with pytest.raises(GraphQLError) as refusal:
        parse_upload(value)

    assert refusal.value.extensions == {"code": "BAD_USER_INPUT"}
