"""Alerts through GraphQL: seen and acknowledged by system admins, and by nobody else (R50)."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.models import Alert, AlertSeverity, JobName
from app.services.alerts import AlertKind
from schema.ids import global_id
from tests.fixtures.app import Satchel
from tests.fixtures.jobs import run_job

pytestmark = pytest.mark.requirement("R50")

FIELDS = "id uuid kind severity message details createdAt acknowledgedAt acknowledgedBy { name }"
ALERTS = f"""query ($acknowledged: Boolean, $first: Int, $after: String) {{
  alerts(acknowledged: $acknowledged, first: $first, after: $after) {{
    nodes {{ {FIELDS} }} edges {{ cursor }} pageInfo {{ hasNextPage hasPreviousPage endCursor }}
  }}
}}"""
ACKNOWLEDGE = f"""mutation ($input: AcknowledgeAlertInput!) {{
  acknowledgeAlert(input: $input) {{ alert {{ {FIELDS} }} }}
}}"""
NODE = f"query ($id: ID!) {{ node(id: $id) {{ __typename ... on Alert {{ {FIELDS} }} }} }}"
OTHERS = ["student", "teacher", "group_admin", "stranger"]


async def _raise(school: Satchel, message: str = "needles lost", run_id: UUID | None = None) -> str:
    """A new alert, a second after the last one: its global id."""
    school.clock.advance(seconds=1)
    alerts, details = school.runtime.alerts, {"job": "knitting"}
    alert_id = await school.runtime.database.transaction(
        lambda: alerts.raise_in_unit(AlertKind.JOB_FAILED, AlertSeverity.CRITICAL, message, details, run_id)
    )
    return global_id("Alert", alert_id)


async def _page(school: Satchel, **variables: Any) -> dict[str, Any]:
    page: dict[str, Any] = (await school.graphql(ALERTS, variables, by="system_admin")).ok()["alerts"]
    return page


async def _acknowledge(school: Satchel, alert_id: str, by: str = "system_admin") -> dict[str, Any]:
    answer = await school.graphql(ACKNOWLEDGE, {"input": {"id": alert_id}}, by=by)
    alert: dict[str, Any] = answer.ok()["acknowledgeAlert"]["alert"]
    return alert


def _now(school: Satchel) -> str:
    return school.clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")


async def test_a_system_admin_sees_an_alert_in_the_list_and_by_its_id(school: Satchel) -> None:
    run = await run_job(school.runtime, JobName.QUOTA_RECONCILIATION)
    alert_id = await _raise(school, run_id=run.id)
    row = await Alert.get()
    expected = {
        "id": alert_id,
        "uuid": str(row.id),
        "kind": "job_failed",
        "severity": "CRITICAL",
        "message": "needles lost",
        "details": {"job": "knitting"},
        "createdAt": _now(school),
        "acknowledgedAt": None,
        "acknowledgedBy": None,
    }

    assert (await _page(school))["nodes"] == [expected]
    found = await school.graphql(NODE, {"id": alert_id}, by="system_admin")
    assert found.ok()["node"] == {"__typename": "Alert"} | expected


async def test_pages_of_alerts_go_on_where_the_last_one_ended_though_alerts_are_added(school: Satchel) -> None:
    raised: list[str] = []
    for number in range(5):
        raised.insert(0, await _raise(school, str(number)))

    first = await _page(school, first=2)
    await _raise(school, "newer")
    second = await _page(school, first=2, after=first["pageInfo"]["endCursor"])
    third = await _page(school, first=2, after=second["pageInfo"]["endCursor"])

    assert [alert["id"] for page in (first, second, third) for alert in page["nodes"]] == raised
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second, third)] == [True, True, False]


async def test_the_first_acknowledgement_stays_and_says_who_and_when(school: Satchel) -> None:
    alert_id, other = await _raise(school), await _raise(school)
    school.clock.advance(seconds=60)

    first = await _acknowledge(school, alert_id)
    assert first["acknowledgedAt"] == _now(school)
    assert first["acknowledgedBy"] == {"name": school.user("system_admin").name}
    school.clock.advance(seconds=60)
    assert await _acknowledge(school, str((await Alert.all().order_by("created_at"))[0].id)) == first

    assert [alert["id"] for alert in (await _page(school, acknowledged=True))["nodes"]] == [alert_id]
    assert [alert["id"] for alert in (await _page(school, acknowledged=False))["nodes"]] == [other]
    assert [alert["id"] for alert in (await _page(school))["nodes"]] == [other, alert_id]


async def test_nobody_else_sees_or_acknowledges_alerts_and_a_refusal_comes_before_anything_is_read(
    school: Satchel,
) -> None:
    alert_id = await _raise(school)

    for who in OTHERS:
        listed = await school.graphql(ALERTS, {"after": "no cursor", "first": -1}, by=who)
        assert (listed.data, listed.codes) == ({"alerts": None}, ["FORBIDDEN"])
        for wanted in (alert_id, global_id("Alert", uuid4())):
            refused = await school.graphql(ACKNOWLEDGE, {"input": {"id": wanted}}, by=who)
            assert (refused.data, refused.codes) == ({"acknowledgeAlert": None}, ["FORBIDDEN"])
        hidden = await school.graphql(NODE, {"id": alert_id}, by=who)
        assert (hidden.data, hidden.codes) == ({"node": None}, ["NOT_FOUND"])
    for query, variables in ((ALERTS, {}), (ACKNOWLEDGE, {"input": {"id": alert_id}})):
        assert (await school.graphql(query, variables, by=None)).codes == ["UNAUTHENTICATED"]
    assert (await Alert.get()).acknowledged_at is None


async def test_what_is_no_alert_cannot_be_acknowledged(school: Satchel) -> None:
    for wanted, code in (
        (global_id("Alert", uuid4()), "NOT_FOUND"),
        (global_id("User", school.user("student").id), "NOT_FOUND"),
        ("no id", "BAD_USER_INPUT"),
    ):
        answer = await school.graphql(ACKNOWLEDGE, {"input": {"id": wanted}}, by="system_admin")
        assert (answer.data, answer.codes) == ({"acknowledgeAlert": None}, [code])


async def test_a_bad_cursor_and_a_bad_size_are_refused(school: Satchel) -> None:
    for variables in ({"after": "no cursor"}, {"first": 0}):
        answer = await school.graphql(ALERTS, variables, by="system_admin")
        assert (answer.data, answer.codes) == ({"alerts": None}, ["BAD_USER_INPUT"])
