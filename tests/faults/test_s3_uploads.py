"""Uploads to an S3 store that is down, silent, slow, busy or forgetful (R13): they end in time, and leave no half of anything."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from app.storage.errors import IntegrityFailed, Reason, StorageError, Unavailable
from tests.contract.harness import NoDigest, chunks_of, data_of, exists, fetch, new_key, put
from tests.faults.conftest import IN_TIME_SECONDS, PART_BYTES, PATIENCE_SECONDS, PATIENT_SECONDS, FaultyStore
from tests.faults.faults import CutRequest, LostAnswer, Reset, Says, Silent, Slow
from tests.faults.http import Request
from tests.faults.proxy import Fault

pytestmark = [pytest.mark.requirement("R13"), pytest.mark.requirement("R9")]


@dataclass(frozen=True)
class Way:
    """One of the three ways in which an object is written."""

    size: int
    hinted: bool = False


ONE_REQUEST = Way(10_000)
IN_PARTS = Way(6 * PART_BYTES + 1)
# Not more than what is held for a second attempt.
PASSED_ON = Way(3 * PART_BYTES + 1, hinted=True)
WAYS = [
    pytest.param(ONE_REQUEST, id="one-request"),
    pytest.param(IN_PARTS, id="in-parts"),
    pytest.param(PASSED_ON, id="passed-on"),
]


async def write(store: FaultyStore, key: str, way: Way) -> int:
    """Write an object, and see that it does not take for ever."""
    hint = way.size + 2 if way.hinted else None
    async with asyncio.timeout(IN_TIME_SECONDS):
        return await store.backend.write(key, chunks_of(data_of(way.size)), digest=NoDigest(), size_hint=hint)


def is_upload(request: Request) -> bool:
    return request.method == "PUT"


def is_beginning(request: Request) -> bool:
    return request.method == "POST" and "uploads" in request.query


def is_completion(request: Request) -> bool:
    return request.method == "POST" and "uploadId" in request.query


def is_part(number: int) -> Callable[[Request], bool]:
    return lambda request: request.query.get("partNumber") == str(number)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "fault, reason",
    [
        (Reset(), Reason.UNREACHABLE),
        (Silent(), Reason.TIMED_OUT),
        (Silent(reads_body=False), Reason.TIMED_OUT),
        (Says(503, "SlowDown"), Reason.FAILED),
        (Says(503, reads_body=False), Reason.FAILED),
        (Says(500, "InternalError"), Reason.FAILED),
        (Says(507), Reason.FULL),
        (CutRequest(after=5_000), Reason.UNREACHABLE),
        (LostAnswer(), Reason.UNREACHABLE),
        (LostAnswer(silent=True), Reason.TIMED_OUT),
    ],
    ids=repr,
)
async def test_an_upload_that_the_store_does_not_take_ends_in_time(
    hasty: FaultyStore, way: Way, fault: Fault, reason: Reason
) -> None:
    key = new_key()
    hasty.proxy.inject(fault, when=is_upload)
    with pytest.raises(Unavailable) as failure:
        await write(hasty, key, way)
    # rclone lets the repetition of a part wait that it has already.
    assert failure.value.reason in {reason, Reason.TIMED_OUT}
    assert failure.value.__cause__ is not None
    if await exists(hasty.direct.backend, key):  # an answer that was lost is not a no
        assert isinstance(fault, LostAnswer)
        assert await fetch(hasty.direct.backend, key) == data_of(way.size)
    await hasty.assert_cleared_by_delete(key)


@pytest.mark.parametrize("way", WAYS)
async def test_an_upload_to_a_store_that_is_down_ends_in_time(faulty: FaultyStore, way: Way) -> None:
    key = new_key()
    await faulty.proxy.go_down()
    with pytest.raises(Unavailable) as failure:
        await write(faulty, key, way)
    assert failure.value.reason in {Reason.UNREACHABLE, Reason.TIMED_OUT}
    await faulty.proxy.come_back()
    assert await write(faulty, key, way) == way.size
    assert await fetch(faulty.backend, key) == data_of(way.size)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "fault",
    [Reset(), Says(503, "SlowDown"), Says(500, reads_body=False), CutRequest(after=5_000), LostAnswer()],
    ids=repr,
)
async def test_a_failure_that_passes_is_not_noticed(faulty: FaultyStore, way: Way, fault: Fault) -> None:
    key = new_key()
    faulty.proxy.inject(fault, when=is_upload, times=1)
    assert await write(faulty, key, way) == way.size
    assert await fetch(faulty.direct.backend, key) == data_of(way.size)
    assert await faulty.direct.leftovers() == []


@pytest.mark.parametrize("hinted", [False, True])
async def test_a_store_that_goes_on_slowly_is_waited_for(faulty: FaultyStore, hinted: bool) -> None:
    """The bound is on one step without any progress, not on the whole."""
    key, way, allowed = new_key(), Way((32 if hinted else 13) * 1024 * 1024, hinted=hinted), 6
    # The whole takes more than the time that is allowed for a step; a step takes a twelfth of it, so that a machine may pause. In
    # one connection some 4 MiB are on their way, which the sender takes for sent.
    faulty.proxy.inject(Slow(way.size / (1.2 * allowed) if hinted else PART_BYTES * 12 / allowed), when=is_upload)
    started = asyncio.get_running_loop().time()
    async with faulty.another(timeout_seconds=allowed) as slow:
        assert await write(slow, key, way) == way.size
    assert asyncio.get_running_loop().time() - started > allowed
    assert await fetch(faulty.direct.backend, key) == data_of(way.size)


@pytest.mark.parametrize("which", [is_beginning, is_completion])
@pytest.mark.parametrize(
    "fault", [Reset(), Silent(), Says(503, "SlowDown"), LostAnswer(), LostAnswer(silent=True)], ids=repr
)
async def test_an_upload_in_parts_that_is_not_begun_or_completed_ends_in_time(
    hasty: FaultyStore, which: Callable[[Request], bool], fault: Fault
) -> None:
    key, way = new_key(), IN_PARTS
    hasty.proxy.inject(fault, when=which)
    with pytest.raises(Unavailable):
        await write(hasty, key, way)
    if await exists(hasty.direct.backend, key):
        assert isinstance(fault, LostAnswer)
        assert await fetch(hasty.direct.backend, key) == data_of(way.size)
    await hasty.assert_cleared_by_delete(key)


@pytest.mark.parametrize("way", [IN_PARTS, PASSED_ON], ids=["in-parts", "passed-on"])
async def test_a_beginning_whose_answer_was_lost_leaves_nothing_beside_the_object(
    faulty: FaultyStore, way: Way
) -> None:
    """The repetition begins a second upload, and nobody was told the id of the first."""
    key = new_key()
    faulty.proxy.inject(LostAnswer(), when=is_beginning, times=1)
    assert await write(faulty, key, way) == way.size
    assert await fetch(faulty.direct.backend, key) == data_of(way.size)
    assert await faulty.direct.leftovers() == []


async def test_an_upload_whose_unneeded_parts_cannot_be_thrown_away_fails(faulty: FaultyStore) -> None:
    """Less came than was said, so one request would do; but what had been begun would stay beside the object for ever."""
    key, said = new_key(), 4 * PART_BYTES
    faulty.proxy.inject(Says(500, "InternalError"), when=lambda request: request.method == "DELETE")
    with pytest.raises(Unavailable):
        await faulty.backend.write(key, chunks_of(data_of(10_000)), digest=NoDigest(), size_hint=said)
    assert await faulty.keys() == []
    await faulty.assert_cleared_by_delete(key)


async def test_a_failure_in_the_middle_of_what_is_passed_on_fails_the_upload(faulty: FaultyStore) -> None:
    """By then it is not held any more."""
    key, way = new_key(), Way(16 * 1024 * 1024, hinted=True)
    faulty.proxy.inject(CutRequest(after=8 * 1024 * 1024), when=is_part(1))
    with pytest.raises(Unavailable) as failure:
        await write(faulty, key, way)
    assert failure.value.reason is Reason.UNREACHABLE
    assert len([request for request in faulty.proxy.seen if is_upload(request)]) == 1
    await faulty.assert_cleared_by_delete(key)


async def test_one_part_that_fails_for_good_fails_the_upload_and_stops_the_sender(faulty: FaultyStore) -> None:
    key, taken = new_key(), 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += PART_BYTES
            yield bytes(PART_BYTES)

    faulty.proxy.inject(Says(403, "AccessDenied"), when=is_part(2))
    async with faulty.another(timeout_seconds=PATIENT_SECONDS, grace_seconds=PATIENT_SECONDS) as store:
        with pytest.raises(StorageError) as failure:
            async with asyncio.timeout(IN_TIME_SECONDS):
                await store.backend.write(key, source(), digest=NoDigest())
    assert failure.value.code == "DENIED"
    assert taken < 100 * PART_BYTES
    assert await faulty.keys() == []
    assert await faulty.direct.leftovers() == []


@pytest.mark.parametrize("hint", [None, 1 << 30])
async def test_a_store_that_is_stuck_holds_the_sender_back(faulty: FaultyStore, hint: int | None) -> None:
    taken = 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(2000):
            taken += 64 * 1024
            yield bytes(64 * 1024)

    faulty.proxy.inject(Silent(reads_body=False), when=is_upload)
    async with faulty.another(timeout_seconds=3) as store:
        with pytest.raises(Unavailable):
            await store.backend.write(new_key(), source(), digest=NoDigest(), size_hint=hint)
    # The parts in flight and the next one; or what is passed on ahead, with the buffers of two sockets.
    assert taken <= (6 * PART_BYTES if hint is None else 16 * 1024 * 1024)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", [Silent(), Silent(reads_body=False), LostAnswer(silent=True)], ids=repr)
async def test_an_upload_that_is_cancelled_while_the_store_is_silent_ends_at_once(
    faulty: FaultyStore, way: Way, fault: Fault
) -> None:
    key = new_key()
    faulty.proxy.inject(fault)
    upload = asyncio.create_task(write(faulty, key, way))
    await asyncio.sleep(PATIENCE_SECONDS / 3)
    upload.cancel()
    started = asyncio.get_running_loop().time()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert asyncio.get_running_loop().time() - started < PATIENT_SECONDS / 2
    await faulty.assert_cleared_by_delete(key)


async def test_a_pause_of_the_sender_is_not_taken_for_a_silent_store(faulty: FaultyStore) -> None:
    key, data, allowed = new_key(), data_of(PASSED_ON.size), 1.5

    async def source() -> AsyncIterator[bytes]:
        async for chunk in chunks_of(data, PART_BYTES):
            yield chunk
            await asyncio.sleep(allowed / 5)
        await asyncio.sleep(2 * allowed)

    # What has begun to be passed on waits as well as what is collected.
    for hint in (None, len(data)):
        assert await faulty.backend.write(key, source(), digest=NoDigest(), size_hint=hint) == len(data)
        assert await fetch(faulty.direct.backend, key) == data


@pytest.mark.parametrize(
    "answer", [Says(400, "BadDigest"), Says(200, headers={"x-amz-checksum-crc32c": "AAAAAA=="})], ids=repr
)
async def test_bytes_that_were_damaged_on_the_way_are_noticed(faulty: FaultyStore, answer: Says) -> None:
    faulty.proxy.inject(answer, when=is_upload)
    with pytest.raises(IntegrityFailed):
        await write(faulty, new_key(), ONE_REQUEST)


async def test_a_store_that_makes_a_pause_is_used_again_at_once(faulty: FaultyStore) -> None:
    for _ in range(3):
        await faulty.proxy.go_down()
        with pytest.raises(Unavailable):
            await faulty.backend.check()
        await faulty.proxy.come_back()
        await put(faulty.backend, new_key(), b"again")


async def test_no_request_waits_for_a_permission_to_begin(faulty: FaultyStore) -> None:
    for way in (ONE_REQUEST, IN_PARTS, PASSED_ON):
        key = new_key()
        await write(faulty, key, way)
        await faulty.backend.delete_many([key])
    await faulty.backend.write_identity("5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11")
    assert {request.method for request in faulty.proxy.seen} >= {"PUT", "POST", "GET"}
    assert [request.head.raw for request in faulty.proxy.seen if "expect" in request.headers] == []
