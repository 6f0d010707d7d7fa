"""All other calls on an S3 store that is down, silent, busy or cut off (R13): they end in time, and never pass for an answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.storage.backend import BATCH_BYTES
from app.storage.errors import Denied, IntegrityFailed, ObjectNotFound, Reason, StorageError, Unavailable
from tests.contract.harness import data_of, exists, fetch, new_key, put
from tests.faults.conftest import IN_TIME_SECONDS, PATIENT_SECONDS, FaultyStore
from tests.faults.faults import CutAnswer, Late, LostAnswer, Reset, Says, Silent
from tests.faults.http import Request
from tests.faults.proxy import Fault

pytestmark = [pytest.mark.requirement("R13"), pytest.mark.requirement("R9")]

IDENTITY = "5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11"
Call = Callable[[FaultyStore, str], Awaitable[object]]


async def _list(store: FaultyStore, _: str) -> object:
    return [info.key async for info in store.backend.list()]


async def _delete_many(store: FaultyStore, key: str) -> object:
    other = new_key()
    failures = await store.backend.delete_many([key, other])
    if failures:
        assert set(failures) == {key, other}
        raise failures[key]
    return None


CALLS: dict[str, Call] = {
    "read": lambda store, key: fetch(store.backend, key),
    "read-part": lambda store, key: fetch(store.backend, key, start=5, end=10),
    "stat": lambda store, key: store.backend.stat(key),
    "delete": lambda store, key: store.backend.delete(key),
    "delete-many": _delete_many,
    "list": _list,
    "check": lambda store, _: store.backend.check(),
    "read-identity": lambda store, _: store.backend.read_identity(),
    "write-identity": lambda store, _: store.backend.write_identity(IDENTITY),
}
calls = pytest.mark.parametrize("name", CALLS)


async def call(store: FaultyStore, name: str, key: str) -> object:
    async with asyncio.timeout(IN_TIME_SECONDS):
        return await CALLS[name](store, key)


@calls
@pytest.mark.parametrize("fault", [Silent(), Says(503, "SlowDown"), Reset()], ids=repr)
async def test_a_call_that_the_store_does_not_answer_ends_in_time(hasty: FaultyStore, name: str, fault: Fault) -> None:
    key = new_key()
    await put(hasty.direct.backend, key, b"the bytes of it")
    hasty.proxy.inject(fault)
    with pytest.raises(Unavailable):
        await call(hasty, name, key)
    assert await exists(hasty.direct.backend, key)
    assert await hasty.direct.backend.read_identity() is None


@calls
async def test_a_call_on_a_store_that_is_down_ends_in_time(faulty: FaultyStore, name: str) -> None:
    key = new_key()
    await put(faulty.direct.backend, key, b"the bytes of it")
    await faulty.proxy.go_down()
    with pytest.raises(Unavailable):
        await call(faulty, name, key)
    await faulty.proxy.come_back()
    await call(faulty, name, key)


@calls
@pytest.mark.parametrize("fault", [Reset(), Says(503, "SlowDown")], ids=repr)
async def test_a_failure_that_passes_is_not_noticed(faulty: FaultyStore, name: str, fault: Fault) -> None:
    key = new_key()
    await put(faulty.direct.backend, key, b"the bytes of it")
    faulty.proxy.inject(fault, times=1)
    await call(faulty, name, key)


@calls
async def test_a_call_that_is_refused_says_so(faulty: FaultyStore, name: str) -> None:
    key = new_key()
    await put(faulty.direct.backend, key, b"the bytes of it")
    faulty.proxy.inject(Says(403, "AccessDenied"))
    with pytest.raises(Denied):
        await call(faulty, name, key)


@pytest.mark.parametrize("after", [0, 1, 300_000, 899_999])
async def test_a_read_that_is_cut_off_fails_and_does_not_end(faulty: FaultyStore, after: int) -> None:
    key, data = new_key(), data_of(900_000)
    await put(faulty.direct.backend, key, data)
    faulty.proxy.inject(CutAnswer(after=after))
    received = bytearray()

    async def read() -> None:
        async with asyncio.timeout(IN_TIME_SECONDS), faulty.backend.read(key) as pieces:
            async for piece in pieces:
                received.extend(piece)

    with pytest.raises(Unavailable):
        await read()
    assert len(received) <= after
    assert data.startswith(received)


async def test_a_read_that_falls_silent_ends_in_time(hasty: FaultyStore) -> None:
    key, data = new_key(), data_of(900_000)
    await put(hasty.direct.backend, key, data)
    hasty.proxy.inject(CutAnswer(after=500_000, silent=True))
    with pytest.raises(Unavailable) as failure:
        async with asyncio.timeout(IN_TIME_SECONDS):
            await fetch(hasty.backend, key)
    assert failure.value.reason is Reason.TIMED_OUT


async def test_a_slow_reader_is_not_taken_for_a_silent_store(faulty: FaultyStore) -> None:
    key, data = new_key(), data_of(4 * BATCH_BYTES)
    await put(faulty.direct.backend, key, data)
    received, allowed = b"", 3
    async with faulty.another(timeout_seconds=allowed) as store, store.backend.read(key) as pieces:
        async for piece in pieces:
            received += piece
            if len(received) == len(piece):
                await asyncio.sleep(2 * allowed)
    assert received == data


async def test_a_whole_object_for_a_part_is_cut_to_it(faulty: FaultyStore) -> None:
    """A cache on the way may not know of ranges."""
    key, data = new_key(), data_of(600_000)
    faulty.proxy.inject(Says(200, body=data), when=lambda request: request.method == "GET")
    for start, end in [(0, 1), (5, 10), (262_144, None), (300_000, 10**9), (599_999, None)]:
        assert await fetch(faulty.backend, key, start=start, end=end) == data[start:end]


@pytest.mark.parametrize(
    "answer",
    [
        Says(206, body=b"12345", headers={"content-range": "bytes 6-10/100"}),
        Says(206, body=b"123", headers={"content-range": "bytes 5-9/100", "content-length": "3"}),
        Says(206, body=b"12345"),
    ],
    ids=["another-part", "less-than-it-says", "another-part-without-a-word"],
)
async def test_another_part_than_the_one_asked_for_is_not_given(faulty: FaultyStore, answer: Says) -> None:
    faulty.proxy.inject(answer, when=lambda request: request.method == "GET")
    with pytest.raises(StorageError) as failure:
        await fetch(faulty.backend, new_key(), start=5, end=10)
    assert isinstance(failure.value, IntegrityFailed)


async def test_a_missing_object_is_told_from_a_missing_bucket_without_words(faulty: FaultyStore) -> None:
    """The answer to a HEAD has no body."""
    with pytest.raises(ObjectNotFound):
        await faulty.backend.stat(new_key())
    faulty.proxy.inject(Says(404), when=lambda request: request.method == "HEAD")
    with pytest.raises(Unavailable) as failure:
        await faulty.backend.stat(new_key())
    assert failure.value.reason is Reason.ROOT_MISSING


@pytest.mark.parametrize("name", ["read", "read-part", "read-identity"])
async def test_a_missing_page_is_not_taken_for_a_missing_object(faulty: FaultyStore, name: str) -> None:
    """Whatever stands in front of a store may say 404; only the store says which thing is missing."""
    faulty.proxy.inject(Says(404, body=b"<html>Not Found</html>"))
    with pytest.raises(Unavailable):
        await call(faulty, name, new_key())


async def test_one_object_that_cannot_be_deleted_does_not_keep_the_others(faulty: FaultyStore) -> None:
    denied, busy, gone = keys = [new_key() for _ in range(3)]
    body = "<DeleteResult>" + "".join(
        f"<Error><Key>{key}</Key><Code>{code}</Code></Error>"
        for key, code in [(denied, "AccessDenied"), (busy, "InternalError")]
    )
    faulty.proxy.inject(
        Says(200, body=f"{body}</DeleteResult>".encode()), when=lambda request: "delete" in request.query
    )
    failures = await faulty.backend.delete_many(keys)
    assert {key: type(error) for key, error in failures.items()} == {denied: Denied, busy: Unavailable}
    assert [error.__cause__ is not None for error in failures.values()] == [True, True]
    assert gone not in failures


async def test_a_key_whose_unfinished_upload_cannot_be_aborted_has_not_been_deleted(faulty: FaultyStore) -> None:
    key, other = new_key(), new_key()
    await put(faulty.direct.backend, other, b"x")
    await faulty.direct.leave_unfinished(key)
    faulty.proxy.inject(Says(500, "InternalError"), when=lambda request: "uploadId" in request.query)
    assert {key: type(error) for key, error in (await faulty.backend.delete_many([key, other])).items()} == {
        key: Unavailable
    }
    with pytest.raises(Unavailable):
        await faulty.backend.delete(key)
    assert await faulty.keys() == []
    await faulty.assert_cleared_by_delete(key)


@pytest.mark.parametrize("status", [409, 412])
async def test_an_identity_that_another_process_has_just_written_stays(faulty: FaultyStore, status: int) -> None:
    faulty.proxy.inject(Says(status, "PreconditionFailed"), when=lambda request: "if-none-match" in request.headers)
    await faulty.backend.write_identity(IDENTITY)
    assert [request.headers.get("if-none-match") for request in faulty.proxy.seen if request.method == "PUT"] == [
        "*",
        "*",
    ]
    assert await faulty.backend.read_identity() is None


async def test_an_identity_that_is_just_being_replaced_is_not_missing(faulty: FaultyStore) -> None:
    await faulty.backend.write_identity(IDENTITY)
    faulty.proxy.inject(Says(404, "NoSuchKey"), times=1)
    assert await faulty.backend.read_identity() == IDENTITY


async def test_an_identity_is_written_where_conditions_are_not_known(faulty: FaultyStore) -> None:
    faulty.proxy.inject(Says(501, "NotImplemented"), when=lambda request: "if-none-match" in request.headers)
    await faulty.backend.write_identity(IDENTITY)
    assert await faulty.backend.read_identity() == IDENTITY


async def test_an_answer_of_any_length_is_no_identity(faulty: FaultyStore) -> None:
    faulty.proxy.inject(Says(200, body=b"x" * 5_000_000), when=lambda request: request.method == "GET")
    assert await faulty.backend.read_identity() == "x" * 256


async def test_closing_does_not_wait_for_ever(hasty: FaultyStore) -> None:
    key = new_key()
    await put(hasty.direct.backend, key, data_of(900_000))
    hasty.proxy.inject(CutAnswer(after=300_000, silent=True), when=lambda request: request.method == "GET")
    hasty.proxy.inject(LostAnswer(silent=True))
    entered = asyncio.Event()

    async def read() -> None:
        async with hasty.backend.read(key) as pieces:
            async for _ in pieces:
                entered.set()

    tasks = [asyncio.create_task(read()), asyncio.create_task(put(hasty.backend, new_key(), b"x"))]
    # If this process stands still for long enough, the read has been given up before its first piece.
    await asyncio.wait([tasks[0], asyncio.create_task(entered.wait())], return_when=asyncio.FIRST_COMPLETED)
    started = asyncio.get_running_loop().time()
    await hasty.backend.close()
    assert asyncio.get_running_loop().time() - started < PATIENT_SECONDS / 2
    entered.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {Unavailable}
    with pytest.raises(Unavailable) as failure:
        await hasty.backend.check()
    assert failure.value.reason is Reason.CLOSED


async def test_closing_lets_calls_in_flight_end(faulty: FaultyStore) -> None:
    key = new_key()
    faulty.proxy.inject(Late(0.5))
    async with faulty.another(timeout_seconds=PATIENT_SECONDS, grace_seconds=PATIENT_SECONDS) as store:
        write = asyncio.create_task(put(store.backend, key, b"in time"))
        await asyncio.sleep(0.1)
        assert not write.done()
    await write
    assert await fetch(faulty.direct.backend, key) == b"in time"


def is_list(request: Request) -> bool:
    return "list-type" in request.query


async def test_a_listing_that_breaks_off_fails_and_does_not_end(faulty: FaultyStore) -> None:
    for _ in range(3):
        await put(faulty.direct.backend, new_key(), b"x")
    faulty.proxy.inject(CutAnswer(after=200), when=is_list)
    with pytest.raises(Unavailable):
        await call(faulty, "list", "")


async def test_what_no_key_begins_with_is_not_asked_for(faulty: FaultyStore) -> None:
    # Ceph answers 500 to such a prefix.
    faulty.proxy.inject(Says(500, "InternalError"), when=is_list)
    assert [info.key async for info in faulty.backend.list("\0")] == []
    with pytest.raises(Unavailable):
        [info.key async for info in faulty.backend.list("0")]
