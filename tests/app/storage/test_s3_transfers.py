"""Large objects in S3: collected in parts, or passed on while they arrive, they are what was sent, or are not there."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from app.storage.errors import Unavailable
from app.storage.s3 import S3Backend
from app.storage.s3.body import REPEATABLE_BYTES
from app.storage.s3.writing import SLACK_BYTES
from tests.app.storage.s3_stores import opened, quickly
from tests.contract.harness import NoDigest, chunks_of, data_of, exists, fetch, new_key
from tests.contract.s3_harness import S3Harness, config_for
from tests.faults.proxy import FaultProxy
from tests.fixtures.s3 import NewBucket
from tests.fixtures.servers.buckets import S3Server

pytestmark = pytest.mark.requirement("R9")

MIB = 1024 * 1024
PART = 8 * MIB
LARGE = 2 * PART + 3 * MIB + 1


@pytest.fixture
async def store(s3_server: S3Server, s3_bucket: str) -> AsyncIterator[S3Harness]:
    """A bucket, and a backend with the usual parts of 8 MiB. At the end nothing unfinished may be in it."""
    harness = S3Harness(s3_server, s3_bucket)
    await harness.backend.open()
    yield harness
    await harness.backend.close()
    assert await harness.leftovers() == []


class Broken(Exception):
    """Raised by a source: the client hung up."""


@pytest.mark.parametrize("kind", ["s3_server", "moto_server"])
@pytest.mark.parametrize("hinted", [False, True])
@pytest.mark.parametrize(
    "size", [PART - 1, PART, PART + 1, PART + SLACK_BYTES, PART + SLACK_BYTES + 1, 2 * PART, LARGE]
)
async def test_an_object_is_what_was_sent_whatever_its_size(
    request: pytest.FixtureRequest,
    new_bucket: NewBucket,
    kind: str,
    hinted: bool,
    size: int,
) -> None:
    server: S3Server = request.getfixturevalue(kind)
    async with opened(config_for(server, new_bucket(server))) as backend:
        key, digest = new_key(), hashlib.sha256()
        written = await backend.write(key, quickly(size), digest=digest, size_hint=size + 2 if hinted else None)
        assert written == size == (await backend.stat(key)).size
        data = data_of(size)
        assert await fetch(backend, key) == data
        assert digest.digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("off", [-SLACK_BYTES, -2, -1, 0, 1, 2, SLACK_BYTES])
async def test_a_hint_may_be_off_by_what_framing_takes(store: S3Harness, off: int) -> None:
    key = new_key()
    assert await store.backend.write(key, quickly(LARGE), digest=NoDigest(), size_hint=LARGE + off) == LARGE
    assert await fetch(store.backend, key) == data_of(LARGE)


@pytest.mark.parametrize("size", [0, 1, MIB // 2, REPEATABLE_BYTES - 1])
async def test_a_hint_that_is_far_too_high_does_no_harm_to_a_small_object(store: S3Harness, size: int) -> None:
    key = new_key()
    assert await store.backend.write(key, quickly(size), digest=NoDigest(), size_hint=LARGE) == size
    assert await fetch(store.backend, key) == data_of(size)


async def test_a_hint_that_is_far_too_low_does_no_harm(store: S3Harness) -> None:
    key = new_key()
    assert await store.backend.write(key, quickly(LARGE), digest=NoDigest(), size_hint=PART + MIB) == LARGE
    assert await fetch(store.backend, key) == data_of(LARGE)


async def test_a_hint_that_is_far_too_high_may_fail_the_write_and_leaves_nothing(store: S3Harness) -> None:
    key = new_key()
    with pytest.raises(Unavailable):
        await store.backend.write(key, quickly(LARGE), digest=NoDigest(), size_hint=2 * LARGE)
    assert not await exists(store.backend, key)


@pytest.mark.requirement("R13")
@pytest.mark.parametrize("hint", [None, LARGE])
@pytest.mark.parametrize("after", [MIB - 1, MIB, PART, PART + MIB, 2 * PART + 2 * MIB, LARGE])
async def test_a_source_that_raises_leaves_no_trace(store: S3Harness, hint: int | None, after: int) -> None:
    async def source() -> AsyncIterator[bytes]:
        async for chunk in chunks_of(data_of(LARGE)[:after]):
            yield chunk
        raise Broken

    key = new_key()
    with pytest.raises(Broken):
        await store.backend.write(key, source(), digest=NoDigest(), size_hint=hint)
    assert not await exists(store.backend, key)
    assert await store.leftovers() == []


@pytest.mark.requirement("R13")
async def test_what_is_passed_on_may_be_cancelled_at_any_moment(store: S3Harness) -> None:
    size, cancelled, seconds = PART + 2 * MIB, 0, 0.0
    while True:
        key = new_key()
        write = asyncio.create_task(store.backend.write(key, quickly(size), digest=NoDigest(), size_hint=size))
        await asyncio.sleep(seconds)
        write.cancel()
        try:
            assert await write == size
            break
        except asyncio.CancelledError:
            cancelled += 1
        if await exists(store.backend, key):
            assert await fetch(store.backend, key) == data_of(size)
        assert await store.leftovers() == []
        seconds = seconds * 1.5 + 0.002
    assert cancelled > 2


async def test_a_slow_sender_holds_no_connection_between_its_chunks(s3_server: S3Server, s3_bucket: str) -> None:
    """What is not passed on is sent part by part, once a part is complete."""
    async with FaultProxy(s3_server.endpoint) as proxy:
        seen_at_pauses = []

        async def source() -> AsyncIterator[bytes]:
            async for chunk in quickly(LARGE, chunk=MIB // 2):
                yield chunk
                seen_at_pauses.append(len([request for request in proxy.seen if request.method == "PUT"]))
                await asyncio.sleep(0.06 if len(seen_at_pauses) == 1 else 0)

        config = config_for(s3_server, s3_bucket, endpoint=proxy.endpoint, quick_seconds=0.05)
        async with opened(config) as backend:
            key = new_key()
            assert await backend.write(key, source(), digest=NoDigest(), size_hint=LARGE) == LARGE
            assert await fetch(backend, key) == data_of(LARGE)
        assert seen_at_pauses[:16] == [0] * 16
        parts = [request.length for request in proxy.seen if request.method == "PUT"]
        assert parts == [PART, PART, LARGE - 2 * PART]


async def test_a_quick_sender_of_known_size_is_passed_on_in_one_part_and_a_rest(
    s3_server: S3Server, s3_bucket: str
) -> None:
    async with FaultProxy(s3_server.endpoint) as proxy:
        config = config_for(s3_server, s3_bucket, endpoint=proxy.endpoint)
        async with opened(config) as backend:
            await backend.write(new_key(), quickly(LARGE), digest=NoDigest(), size_hint=LARGE + 2)
        parts = [request.length for request in proxy.seen if request.method == "PUT"]
        assert parts == [LARGE + 2 - SLACK_BYTES, SLACK_BYTES - 2]


async def test_several_large_transfers_at_once_do_not_mix(store: S3Harness) -> None:
    sizes = {new_key(): LARGE + position for position in range(4)}

    async def write(backend: S3Backend, key: str, size: int) -> None:
        hint = size if size % 2 else None
        await backend.write(key, quickly(size), digest=NoDigest(), size_hint=hint)

    backend = store.backend
    assert isinstance(backend, S3Backend)
    await asyncio.gather(*(write(backend, key, size) for key, size in sizes.items()))
    for key, size in sizes.items():
        assert hashlib.sha256(await fetch(backend, key)).digest() == hashlib.sha256(data_of(size)).digest()
