"""A process's part in the work: what it is woken for, what it finds, and what it lets go of when it stops."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import pytest
import structlog

from app.db import Database
from app.errors import NotFound
from workers.broker import embedded_broker
from workers.middleware import SenderContext
from workers.tasks import register_work, send_work
from workers.worker import Worker

ABSENT = uuid4()


class Books:
    """The service, reduced to what a worker sees of it: runs that last until they are told to end."""

    def __init__(self) -> None:
        self.waiting: list[UUID] = []
        self.begun: list[UUID] = []
        self.released: list[UUID] = []
        self.request_ids: list[str | None] = []
        self.end = asyncio.Event()
        self.troubles: list[Exception] = []
        self.looks = 0
        self.away = False

    async def work(self, run_id: UUID) -> None:
        if run_id == ABSENT:
            raise NotFound("job run")
        self.begun.append(run_id)
        self.request_ids.append(structlog.contextvars.get_contextvars().get("request_id"))
        if self.troubles:
            raise self.troubles.pop()
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.released.append(run_id)
            raise
        self.waiting = [each for each in self.waiting if each != run_id]

    async def unfinished(self) -> list[UUID]:
        self.looks += 1
        if self.away:
            raise ConnectionError("the database is away")
        return list(self.waiting)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - the worker's own loops are what is waited for
            await asyncio.sleep(0.01)


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
async def worker(books: Books, embedded_database: Database) -> AsyncIterator[Worker]:
    worker = Worker(books, embedded_database, poll_seconds=0.02)
    polling = asyncio.create_task(worker.poll())
    yield worker
    polling.cancel()
    await worker.stop(0)


@pytest.fixture
async def embedded_database(sqlite_url: str) -> AsyncIterator[Database]:
    database = Database(sqlite_url)
    await database.open()
    yield database
    await database.close()


async def test_a_run_that_many_messages_tell_of_is_worked_on_once_at_a_time(worker: Worker, books: Books) -> None:
    run_id = uuid4()
    books.waiting.append(run_id)
    told = [asyncio.create_task(worker.work(run_id)) for _ in range(5)]
    await until(lambda: bool(books.begun))
    await asyncio.sleep(0.1)  # and the look-out finds it several times
    assert books.begun == [run_id]

    books.end.set()
    await asyncio.gather(*told)
    assert books.waiting == []


async def test_a_run_that_nobody_tells_of_is_found(worker: Worker, books: Books) -> None:
    books.waiting += [uuid4(), uuid4()]
    await until(lambda: sorted(books.begun) == sorted(books.waiting))


async def test_work_that_cannot_be_done_now_is_taken_up_again(worker: Worker, books: Books) -> None:
    books.troubles += [ConnectionError("the database is away")]
    books.waiting.append(uuid4())
    await until(lambda: len(books.begun) == 2)


async def test_a_look_out_survives_a_database_that_is_away(worker: Worker, books: Books) -> None:
    books.away = True
    await until(lambda: books.looks > 3)
    books.away = False
    books.waiting.append(uuid4())
    await until(lambda: bool(books.begun))


async def test_a_message_of_a_run_that_is_not_there_does_no_harm(worker: Worker, books: Books) -> None:
    await worker.work(ABSENT)
    assert books.begun == []


async def test_who_is_cancelled_while_waiting_cancels_no_work(worker: Worker, books: Books) -> None:
    run_id = uuid4()
    books.waiting.append(run_id)
    told = asyncio.create_task(worker.work(run_id))
    await until(lambda: bool(books.begun))
    told.cancel()
    await asyncio.sleep(0.05)
    assert books.released == []
    books.end.set()
    await until(lambda: books.waiting == [])


async def test_a_worker_that_stops_finishes_what_it_can(worker: Worker, books: Books) -> None:
    books.waiting.append(uuid4())
    await until(lambda: bool(books.begun))
    stopping = asyncio.create_task(worker.stop(10))
    await asyncio.sleep(0.05)
    books.end.set()
    await stopping
    assert (books.waiting, books.released) == ([], [])


async def test_a_worker_that_stops_releases_what_it_cannot_finish_and_begins_nothing_more(
    worker: Worker, books: Books
) -> None:
    first, second = uuid4(), uuid4()
    books.waiting.append(first)
    await until(lambda: bool(books.begun))
    await worker.stop(0.05)
    books.waiting.append(second)
    await worker.work(second)
    await asyncio.sleep(0.1)
    assert (books.begun, books.released) == ([first], [first])


async def test_the_log_of_the_work_names_the_request_that_asked_for_it(worker: Worker, books: Books) -> None:
    broker = embedded_broker()
    broker.add_middlewares(SenderContext())
    register_work(broker, worker)
    books.end.set()
    asked, scheduled = uuid4(), uuid4()
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        await send_work(broker, asked)
    await send_work(broker, scheduled)
    await until(lambda: len(books.begun) == 2)
    assert dict(zip(books.begun, books.request_ids, strict=True)) == {asked: "r-1", scheduled: None}
    await broker.wait_all()
    await broker.shutdown()
