"""What is counted, for whom, and what becomes of it when Redis is away."""

from contextlib import ExitStack
from uuid import UUID

import pytest

from app.errors import RateLimited
from app.rates import Rates, open_rates
from app.rates.memory import BoundedMemory
from app.settings import Settings
from tests.fixtures.redis import StartValkey

ONE, OTHER = UUID(int=1), UUID(int=2)
SECRET = "a secret of thirty-two bytes, and more"


def settings(**values: object) -> Settings:
    return Settings.load(secret_key=SECRET, **values)


async def test_an_account_may_be_tried_so_often_from_anywhere_however_it_is_written() -> None:
    rates = Rates(settings(rate_limit_login_account="2/hour"))
    await rates.login("pupil@school.example", "192.0.2.1")
    await rates.login(" PUPIL@school.example", "192.0.2.2")

    with pytest.raises(RateLimited) as caught:
        await rates.login("pupil@school.example", "192.0.2.3")

    assert 3590 <= caught.value.retry_after_seconds <= 3600
    await rates.login("teacher@school.example", "192.0.2.3")
    for spelling in (
        "jose\u0301@school.example",
        "JOS\u00c9@school.example",
    ):  # an accent of its own, and one letter with it
        await rates.login(spelling, "192.0.2.3")
    with pytest.raises(RateLimited):
        await rates.login("jos\u00e9@school.example", "192.0.2.3")


@pytest.mark.parametrize(
    "first, second",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        (None, None),
        ("testclient", None),
    ],
    ids=["one address", "one customer's network", "one address in two versions", "no address", "a name"],
)
async def test_an_address_may_try_so_many_accounts(first: str | None, second: str | None) -> None:
    rates = Rates(settings(rate_limit_login_address="1/hour"))
    await rates.login("one@school.example", first)

    with pytest.raises(RateLimited):
        await rates.login("other@school.example", second)
    await rates.login("other@school.example", "2001:db8:0:1::1")


async def test_operations_are_counted_by_root_fields_for_each_user_and_each_address() -> None:
    rates = Rates(settings(rate_limit_operations="10/hour"))
    await rates.operations(ONE, "192.0.2.1", 9)

    with pytest.raises(RateLimited):
        await rates.operations(ONE, "192.0.2.1", 2)
    await rates.operations(OTHER, "192.0.2.1", 10)
    await rates.operations(None, "192.0.2.1", 10)
    with pytest.raises(RateLimited):
        await rates.operations(None, "192.0.2.1", 1)


async def test_so_many_upload_requests_of_a_user_run_at_a_time() -> None:
    rates = Rates(settings(uploads_at_once=2))
    with ExitStack() as running:
        running.enter_context(rates.upload_request(ONE))
        running.enter_context(rates.upload_request(ONE))
        with pytest.raises(RateLimited), rates.upload_request(ONE):
            pass
        with rates.upload_request(OTHER):
            pass

    with rates.upload_request(ONE):  # those that have ended make room
        pass


@pytest.mark.parametrize(
    "values",
    [
        {"rate_limits": False, "uploads_at_once": 1, "rate_limit_uploads": "1/hour"},
        {"rate_limit_uploads": "", "uploads_at_once": 0},
    ],
    ids=["all off", "these off"],
)
async def test_what_is_switched_off_is_not_counted(values: dict[str, object]) -> None:
    rates = Rates(settings(**values))
    await rates.uploads(ONE, 1000)
    await rates.uploads(ONE, 1000)
    with rates.upload_request(ONE), rates.upload_request(ONE):
        pass


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that answers late, on a busy machine, does not pass for one that is away."""
    monkeypatch.setattr("app.rates.rates._REDIS_SECONDS", 60.0)


@pytest.mark.usefixtures("patient")
async def test_processes_count_together_through_redis(redis_url: str) -> None:
    shared = settings(redis_url=redis_url, rate_limit_uploads="3/hour")
    async with open_rates(shared) as one, open_rates(shared) as other:
        await one.uploads(ONE, 2)
        await other.uploads(ONE, 1)

        for rates in (one, other):
            with pytest.raises(RateLimited) as caught:
                await rates.uploads(ONE, 1)
            assert 3500 <= caught.value.retry_after_seconds <= 3600


@pytest.mark.usefixtures("patient")
async def test_a_process_counts_for_itself_while_redis_is_away(valkey: StartValkey) -> None:
    process = valkey()
    async with open_rates(settings(redis_url=process.url, rate_limit_uploads="3/hour")) as rates:
        await rates.uploads(ONE, 2)
        process.stop()

        await rates.uploads(ONE, 3)  # its own count begins with nothing
        with pytest.raises(RateLimited):
            await rates.uploads(ONE, 1)


async def test_windows_in_memory_end_and_are_forgotten() -> None:
    memory = BoundedMemory()
    assert await memory.incr("a", 100) == 1
    assert await memory.incr("a", 100, amount=2) == 3
    assert await memory.incr("b", 0) == 1
    assert await memory.incr("b", 0) == 1  # a window of no length is over at once
    assert (await memory.get("a"), await memory.get("b"), await memory.get("c")) == (3, 0, 0)

    await memory.clear("a")
    assert await memory.get("a") == 0


async def test_memory_holds_a_bounded_number_of_windows() -> None:
    memory = BoundedMemory()
    for number in range(100_010):
        await memory.incr(str(number), 3600)

    assert await memory.reset() == 100_000
