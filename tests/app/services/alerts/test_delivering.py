"""From the outbox to a webhook: at least once, whatever the webhook does meanwhile."""

import asyncio

import orjson
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.clock import FixedClock
from app.models import Alert, AlertDelivery, AlertSeverity
from app.runtime import Runtime, open_runtime
from app.services.alert_deliveries import AlertDeliveries
from app.services.alert_sinks import Format, Webhook
from app.services.alerts import AlertKind
from app.settings import Settings
from tests.app.services.alerts.conftest import Raise
from tests.fixtures.alert_sink import AlertSink, let_deliveries_be_due
from workers.worker import in_fresh_context

pytestmark = pytest.mark.requirement("R50")


def deliveries_of(runtime: Runtime, url: str, form: Format = "generic", seconds: float = 5) -> AlertDeliveries:
    return AlertDeliveries(runtime.database, runtime.clock, [Webhook(url, form, timeout_seconds=seconds)])


async def attempts_of(runtime: Runtime) -> list[tuple[int, str | None, bool]]:
    """(attempts, last error, delivered) of each delivery."""
    rows = await AlertDelivery.all().order_by("next_attempt_at")
    return [(row.attempts, row.last_error, row.delivered_at is not None) for row in rows]


async def waits_between(runtime: Runtime, least: int, most: int) -> bool:
    """Whether the one delivery is due so many seconds from now, on the database's clock."""
    plus = runtime.database.now_plus
    rows = await runtime.database.fetch(
        f"SELECT id FROM alert_deliveries WHERE next_attempt_at > {plus('$1')} AND next_attempt_at <= {plus('$2')}",
        least,
        most,
    )
    return len(rows) == 1


async def moment(runtime: Runtime, seconds: int) -> object:
    """The moment so many seconds from now, as the database writes it."""
    return (await runtime.database.fetch(f"SELECT {runtime.database.now_plus('$1')} AS moment", seconds))[0]["moment"]


async def test_generic_json_is_the_alert_and_its_id_the_idempotency_key(
    runtime: Runtime, alarm: Raise, sink: AlertSink
) -> None:
    alert_id = await alarm("needles lost")

    assert await runtime.alert_deliveries.deliver_due() == 1

    assert sink.taken == [
        {
            "id": str(alert_id),
            "kind": "job_overdue",
            "severity": "CRITICAL",
            "message": "needles lost",
            "details": {"job": "knitting"},
            "createdAt": "2026-01-01T12:00:01.000000Z",
        }
    ]
    assert sink.keys == [str(alert_id)]
    assert (sink.asked[0].path_qs, sink.asked[0].content_type) == ("/hook?room=1", "application/json")
    assert (await AlertDelivery.get()).delivered_at == runtime.clock.now()
    assert await attempts_of(runtime) == [(1, None, True)]
    assert await runtime.alert_deliveries.deliver_due() == 0


async def test_alertmanager_gets_an_array_of_labels_and_annotations(
    runtime: Runtime, alarm: Raise, sink: AlertSink
) -> None:
    alert_id = await alarm("needles lost")

    assert await deliveries_of(runtime, sink.url, "alertmanager").deliver_due() == 1

    [[told]] = sink.taken
    assert orjson.loads(told["annotations"].pop("details")) == {"job": "knitting"}
    assert told == {
        "labels": {
            "alertname": "job_overdue",
            "severity": "critical",
            "service": "satchel",
            "alert_id": str(alert_id),
        },
        "annotations": {"summary": "needles lost"},
        "startsAt": "2026-01-01T12:00:01.000000Z",
    }
    assert sink.keys == [str(alert_id)]


async def test_alerts_come_in_the_order_in_which_they_were_raised(
    runtime: Runtime, alarm: Raise, sink: AlertSink
) -> None:
    raised = [str(await alarm(str(number))) for number in range(12)]
    assert await runtime.alert_deliveries.deliver_due() == 12
    assert sink.keys == raised


@pytest.mark.parametrize("status", [500, 503, 400, 302, 307])
async def test_an_alert_that_is_not_taken_is_tried_again_until_it_is(
    runtime: Runtime, alarm: Raise, sink: AlertSink, status: int
) -> None:
    alert_id = await alarm("needles lost")
    sink.status = status
    for attempt in (1, 2):
        assert await runtime.alert_deliveries.deliver_due() == 0
        assert await attempts_of(runtime) == [(attempt, f"status {status}", False)]
        assert await runtime.alert_deliveries.deliver_due() == 0  # it is not its time yet
        assert [request.path for request in sink.asked] == ["/hook"] * attempt  # and nobody followed anywhere
        await let_deliveries_be_due(runtime.database)

    sink.status = 204
    assert await runtime.alert_deliveries.deliver_due() == 1
    assert sink.keys == [str(alert_id)] * 3
    assert await attempts_of(runtime) == [(3, None, True)]


async def test_a_webhook_that_is_down_and_comes_back_has_missed_nothing(
    runtime: Runtime, alarm: Raise, sink: AlertSink
) -> None:
    await sink.stop()
    raised = {str(await alarm(str(number))) for number in range(3)}
    assert await runtime.alert_deliveries.deliver_due() == 0
    assert sorted(attempts for attempts, _, _ in await attempts_of(runtime)) == [0, 0, 1]  # one is enough to know
    assert "ClientConnectorError" in {error for _, error, _ in await attempts_of(runtime)}

    await sink.start()
    await let_deliveries_be_due(runtime.database)
    assert await runtime.alert_deliveries.deliver_due() == 3
    assert (set(sink.keys), len(sink.keys)) == (raised, 3)


async def test_one_alert_that_is_never_taken_keeps_back_none_of_the_others(
    runtime: Runtime, alarm: Raise, sink: AlertSink
) -> None:
    await alarm("a riddle")
    sink.status = 400
    await runtime.alert_deliveries.deliver_due()
    sink.status = 200
    others = [str(await alarm("plain")) for _ in range(3)]
    assert await runtime.alert_deliveries.deliver_due() == 3
    assert sink.keys[1:] == others


async def test_a_webhook_that_does_not_answer_is_given_up_in_bounded_time_and_asked_again(
    runtime: Runtime, alarm: Raise, sink: AlertSink
) -> None:
    await alarm("needles lost")
    sink.gate.clear()
    async with asyncio.timeout(30):
        assert await deliveries_of(runtime, sink.url, seconds=0.2).deliver_due() == 0
    [(attempts, error, delivered)] = await attempts_of(runtime)
    assert (attempts, delivered) == (1, False)
    assert error is not None
    assert "Timeout" in error

    sink.gate.set()
    await let_deliveries_be_due(runtime.database)
    assert await runtime.alert_deliveries.deliver_due() == 1


async def test_no_transaction_is_open_while_a_webhook_thinks(runtime: Runtime, alarm: Raise, sink: AlertSink) -> None:
    await alarm("first")
    sink.gate.clear()
    delivering = asyncio.create_task(deliveries_of(runtime, sink.url, seconds=60).deliver_due())
    await sink.has_been_asked(1)
    async with asyncio.timeout(20):
        await alarm("second")  # on SQLite there is one writer at a time
        await Alert.all().update(message="changed")
    sink.gate.set()
    assert await delivering == 2


@pytest.mark.parametrize("attempts, seconds", [(0, 5), (1, 10), (2, 20), (5, 160), (6, 300), (7, 300), (2000, 300)])
async def test_the_wait_doubles_with_every_failure_up_to_five_minutes(
    runtime: Runtime, alarm: Raise, sink: AlertSink, attempts: int, seconds: int
) -> None:
    await alarm("needles lost")
    await AlertDelivery.all().update(attempts=attempts)
    sink.status = 500
    before = await moment(runtime, seconds)
    await runtime.alert_deliveries.deliver_due()
    after = await moment(runtime, seconds)
    found = await runtime.database.fetch(
        "SELECT id FROM alert_deliveries WHERE next_attempt_at >= $1 AND next_attempt_at <= $2", before, after
    )
    assert len(found) == 1


async def test_two_who_deliver_at_once_deliver_each_alert_once(
    runtime: Runtime, settings: Settings, clock: FixedClock, alarm: Raise, sink: AlertSink
) -> None:
    raised = {str(await alarm(str(number))) for number in range(20)}
    async with open_runtime(settings, clock) as other:
        delivered = await asyncio.gather(
            *(in_fresh_context(each.database, each.alert_deliveries.deliver_due) for each in (runtime, other))
        )
    runtime.database.bind()
    assert sum(delivered) == 20
    assert sorted(sink.keys) == sorted(raised)


async def test_what_a_killed_process_was_delivering_is_delivered_by_another_later(
    runtime: Runtime, alarm: Raise, sink: AlertSink
) -> None:
    alert_id = await alarm("needles lost")
    sink.gate.clear()
    killed = asyncio.create_task(runtime.alert_deliveries.deliver_due())
    await sink.has_been_asked(1)
    killed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killed
    sink.gate.set()

    assert await runtime.alert_deliveries.deliver_due() == 0  # it may still come to its end
    assert await waits_between(runtime, 20, 30)
    await let_deliveries_be_due(runtime.database)
    assert await runtime.alert_deliveries.deliver_due() == 1
    assert sink.keys == [str(alert_id)] * 2


async def test_an_attempt_that_lost_its_claim_puts_nothing_off(runtime: Runtime, alarm: Raise, sink: AlertSink) -> None:
    await alarm("needles lost")
    sink.gate.clear()
    late = asyncio.create_task(runtime.alert_deliveries.deliver_due())
    await sink.has_been_asked(1)
    await let_deliveries_be_due(runtime.database)
    second = asyncio.create_task(runtime.alert_deliveries.deliver_due())
    await sink.has_been_asked(2)
    sink.status = 500
    sink.gate.set()
    assert list(await asyncio.gather(late, second)) == [0, 0]
    assert await attempts_of(runtime) == [(2, "status 500", False)]
    assert await waits_between(runtime, 6, 10)  # the wait after the second


async def test_without_a_webhook_alerts_are_kept_and_nothing_is_to_be_delivered(
    runtime: Runtime, settings: Settings, clock: FixedClock, alarm: Raise, sink: AlertSink
) -> None:
    await alarm("for the webhook that is still set")
    without = settings.model_copy(update={"alert_webhook_url": SecretStr("")})
    async with open_runtime(without, clock) as mute:
        await mute.database.transaction(
            lambda: mute.alerts.raise_in_unit(AlertKind.JOB_FAILED, AlertSeverity.INFO, "for nobody", {}, None)
        )
        assert await mute.alert_deliveries.deliver_due() == 0
    runtime.database.bind()
    assert await Alert.all().count() == 2
    assert await attempts_of(runtime) == [(0, None, False)]
    assert sink.asked == []


async def test_neither_the_log_nor_the_database_tells_the_address(
    runtime: Runtime, alarm: Raise, sink: AlertSink
) -> None:
    await alarm("needles lost")
    with capture_logs() as lines:
        await deliveries_of(runtime, "http://satchel:open-sesame@127.0.0.1:1/hook").deliver_due()
        await let_deliveries_be_due(runtime.database)
        await deliveries_of(runtime, "http://open-sesame:@127.0.0.1:port/").deliver_due()
        await let_deliveries_be_due(runtime.database)
        await runtime.alert_deliveries.deliver_due()
    assert [line["event"] for line in lines] == ["alert.not_delivered", "alert.not_delivered", "alert.delivered"]
    assert "open-sesame" not in repr(lines)
    assert "open-sesame" not in repr(runtime.settings)
    assert "open-sesame" not in repr(await AlertDelivery.all().values())
