"""What `Storage` adds to a backend: checks, sums, bounds in time, and errors with their context."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from app.storage.backend import PAGE_OBJECTS, Digest, ObjectInfo, SignedRead
from app.storage.errors import (
    IntegrityFailed,
    InvalidKey,
    InvalidRange,
    ObjectNotFound,
    Reason,
    StorageError,
    Unavailable,
)
from app.storage.memory import MemoryBackend
from app.storage.storage import Storage, Written
from app.storage.urls import UrlSigner
from tests.contract.harness import chunks_of, data_of, new_key


class StuckBackend(MemoryBackend):
    """A store that stops answering, at the start of a call or in the middle of a transfer, until it is told to go on."""

    stuck = False

    async def check(self) -> None:  # every other call comes by here
        if self.stuck:
            await asyncio.Event().wait()
        await super().check()

    async def write(
        self, key: str, chunks: AsyncIterator[bytes], *, digest: Digest, size_hint: int | None = None
    ) -> int:
        return await super().write(key, self._interrupted(chunks), digest=digest, size_hint=size_hint)

    @contextlib.asynccontextmanager
    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        async with super().read(key, start=start, end=end) as pieces:
            yield self._interrupted(pieces)

    async def sign(self, request: SignedRead) -> str:
        await self.check()
        return await super().sign(request)

    async def _interrupted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            yield chunk
            await self.check()


class ForgetfulBackend(MemoryBackend):
    """A store that says it has stored less than it was sent."""

    async def write(
        self, key: str, chunks: AsyncIterator[bytes], *, digest: Digest, size_hint: int | None = None
    ) -> int:
        return await super().write(key, chunks, digest=digest, size_hint=size_hint) - 1


class UnreliableBackend(MemoryBackend):
    """A store whose second bulk delete fails as a whole. It keeps how many keys each one had."""

    sizes: tuple[int, ...] = ()

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, StorageError]:
        self.sizes += (len(keys),)
        if len(self.sizes) == 2:
            raise Unavailable(Reason.FAILED)
        return await super().delete_many(keys)


@pytest.fixture
def backend(signer: UrlSigner) -> StuckBackend:
    return StuckBackend(location="main", signer=signer)


@pytest.fixture
async def storage(backend: StuckBackend) -> AsyncGenerator[Storage, None]:
    async with _opened(backend, timeout_seconds=30) as storage:
        yield storage


@pytest.fixture
async def impatient(backend: StuckBackend) -> AsyncGenerator[Storage, None]:
    """For a backend that is stuck. What it stores before it is stuck is small."""
    async with _opened(backend, timeout_seconds=0.5) as storage:
        yield storage


@asynccontextmanager
async def _opened(backend: StuckBackend, *, timeout_seconds: float) -> AsyncGenerator[Storage, None]:
    storage = Storage({"main": backend}, default="main", timeout_seconds=timeout_seconds)
    assert list(await storage.open({})) == ["main"]
    yield storage
    await storage.close()


NEXT_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


async def fetch(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    async with storage.read("main", key, start=start, end=end) as pieces:
        return b"".join([piece async for piece in pieces])


def request_for(key: str) -> SignedRead:
    return SignedRead(key, "name", "text/plain", inline=False, expires_at=NEXT_YEAR)


@pytest.mark.parametrize("size", [0, 1, 300_000, 2_000_000])
async def test_a_write_is_counted_and_hashed(storage: Storage, size: int) -> None:
    key, data = new_key(), data_of(size)
    written = await storage.write("main", key, chunks_of(data), size_hint=size)
    assert written == Written(size, hashlib.sha256(data).hexdigest())
    assert (await storage.stat("main", key)).size == size
    assert await fetch(storage, key) == data


async def test_ranges_listings_and_deletes_reach_the_backend(storage: Storage) -> None:
    key, other = new_key(), new_key()
    for each in (key, other):
        await storage.write("main", each, chunks_of(b"0123456789"))
    assert await fetch(storage, key, 2, 5) == b"234"
    assert [info.key async for info in storage.list("main")] == sorted([key, other])
    assert [info.key async for info in storage.list("main", other)] == [other]
    await storage.delete("main", key)
    assert await storage.delete_many("main", [other, new_key()]) == {}
    assert [info.key async for info in storage.list("main")] == []


async def test_a_signed_url_names_its_location(storage: Storage, signer: UrlSigner) -> None:
    request = SignedRead(new_key(), "name", "text/plain", inline=False, expires_at=NEXT_YEAR)
    url = await storage.sign("main", request)
    assert signer.verify(url.rpartition("/")[2]) == ("main", request)


async def test_errors_say_where_and_what_for(storage: Storage) -> None:
    key = new_key()
    with pytest.raises(ObjectNotFound) as missing:
        await fetch(storage, key)
    assert (missing.value.location, missing.value.operation, missing.value.key) == ("main", "read", key)
    await storage.write("main", key, chunks_of(b"x"))
    with pytest.raises(InvalidRange) as beyond:
        await fetch(storage, key, 5)
    assert (beyond.value.location, beyond.value.operation) == ("main", "read")
    with pytest.raises(ObjectNotFound) as gone:
        await storage.stat("main", new_key())
    assert gone.value.operation == "stat"


@pytest.mark.requirement("R12")
@pytest.mark.parametrize("key", ["", "../x", ".satchel-id", "system/2026/03/x"])
async def test_keys_are_checked_before_anything_else(storage: Storage, key: str) -> None:
    with pytest.raises(InvalidKey):
        await storage.write("main", key, chunks_of(b"x"))
    with pytest.raises(InvalidKey):
        await fetch(storage, key)
    with pytest.raises(InvalidKey):
        await storage.stat("main", key)
    with pytest.raises(InvalidKey):
        await storage.delete("main", key)
    with pytest.raises(InvalidKey) as refusal:
        await storage.sign("main", request_for(key))
    assert (refusal.value.location, refusal.value.operation) == ("main", "sign")
    failures = await storage.delete_many("main", [key])
    assert isinstance(failures[key], InvalidKey)
    assert failures[key].location == "main"


async def test_what_a_source_raises_is_passed_on_as_it_is(storage: Storage) -> None:
    class HungUp(Exception):
        pass

    async def broken(error: Exception) -> AsyncIterator[bytes]:
        yield b"some bytes"
        raise error

    for error in (HungUp(), TimeoutError("the client's own"), Unavailable(Reason.FULL)):
        key = new_key()
        with pytest.raises(type(error)) as raised:
            await storage.write("main", key, broken(error))
        assert raised.value is error
        with pytest.raises(ObjectNotFound):
            await storage.stat("main", key)


@pytest.mark.requirement("R13")
async def test_a_store_that_does_not_answer_is_given_up(impatient: Storage, backend: StuckBackend) -> None:
    key = new_key()
    await impatient.write("main", key, chunks_of(data_of(600_000), 60_000))
    backend.stuck = True

    async def list_all() -> list[ObjectInfo]:
        return [info async for info in impatient.list("main")]

    calls: dict[str, Coroutine[None, None, object]] = {
        "write": impatient.write("main", new_key(), chunks_of(b"x")),
        "read": fetch(impatient, key),
        "stat": impatient.stat("main", key),
        "delete": impatient.delete("main", key),
        "list": list_all(),
        "sign": impatient.sign("main", request_for(key)),
    }
    for operation, call in calls.items():
        with pytest.raises(Unavailable) as refusal:
            await call
        error = refusal.value
        assert (error.reason, error.operation, error.location) == (Reason.TIMED_OUT, operation, "main")
    failures = await impatient.delete_many("main", [key])
    assert isinstance(failures[key], Unavailable)
    assert await impatient.check() == {"main": "timed out"}
    backend.stuck = False
    assert await impatient.check() == {"main": None}
    assert len(await fetch(impatient, key)) == 600_000


@pytest.mark.requirement("R13")
async def test_a_read_that_gets_stuck_in_the_middle_is_given_up(impatient: Storage, backend: StuckBackend) -> None:
    key = new_key()
    await impatient.write("main", key, chunks_of(data_of(600_000), 60_000))
    async with impatient.read("main", key) as pieces:
        assert len(await anext(pieces)) > 0
        backend.stuck = True
        with pytest.raises(Unavailable) as refusal:
            await anext(pieces)
    assert (refusal.value.reason, refusal.value.operation) == (Reason.TIMED_OUT, "read")


async def test_a_backend_that_takes_its_bound_for_a_time_out_of_its_own_is_given_up_too(signer: UrlSigner) -> None:
    class Impatient(MemoryBackend):
        async def stat(self, key: str) -> ObjectInfo:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise TimeoutError from None
            raise AssertionError

    storage = Storage({"main": Impatient(location="main", signer=signer)}, default="main", timeout_seconds=0.05)
    await storage.open({})
    with pytest.raises(Unavailable) as refusal:
        await storage.stat("main", key := new_key())
    assert (refusal.value.reason, refusal.value.key) == (Reason.TIMED_OUT, key)


@pytest.mark.requirement("R13")
async def test_a_write_that_gets_stuck_in_the_middle_is_given_up(impatient: Storage, backend: StuckBackend) -> None:
    async def source() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.8)  # longer than the store may take
        yield b"first"
        backend.stuck = True
        yield b"second"

    key = new_key()
    with pytest.raises(Unavailable) as refusal:
        await impatient.write("main", key, source())
    assert (refusal.value.reason, refusal.value.key) == (Reason.TIMED_OUT, key)
    backend.stuck = False
    with pytest.raises(ObjectNotFound):
        await impatient.stat("main", key)


async def test_the_time_of_the_client_is_not_counted(impatient: Storage) -> None:
    """Each pause of the client is longer than the store may take for a step."""

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(2):
            await asyncio.sleep(0.8)
            yield bytes(300_000)

    key = new_key()
    assert (await impatient.write("main", key, slow())).size_bytes == 600_000
    received = 0
    async with impatient.read("main", key) as pieces:
        async for piece in pieces:
            await asyncio.sleep(0.8)
            received += len(piece)
    assert received == 600_000


class Sluggish(MemoryBackend):
    """Takes longer from one chunk to the next than a step may take, and knows that it goes on."""

    bounds_writes = True

    async def write(
        self, key: str, chunks: AsyncIterator[bytes], *, digest: Digest, size_hint: int | None = None
    ) -> int:
        async def slowly() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                await asyncio.sleep(0.3)
                yield chunk
            await asyncio.sleep(0.3)

        return await super().write(key, slowly(), digest=digest, size_hint=size_hint)


async def test_a_backend_that_bounds_its_writes_is_not_timed_by_its_chunks(signer: UrlSigner) -> None:
    storage = Storage({"main": Sluggish(location="main", signer=signer)}, default="main", timeout_seconds=0.2)
    await storage.open({})
    assert (await storage.write("main", new_key(), chunks_of(b"some bytes"))).size_bytes == 10
    await storage.close()


async def test_a_cancelled_call_is_cancelled_and_not_timed_out(storage: Storage, backend: StuckBackend) -> None:
    backend.stuck = True
    call = asyncio.create_task(storage.stat("main", new_key()))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


@pytest.mark.requirement("R13")
async def test_a_store_that_loses_bytes_is_found_out(signer: UrlSigner) -> None:
    storage = Storage({"main": ForgetfulBackend(location="main", signer=signer)}, default="main", timeout_seconds=5)
    await storage.open({})
    with pytest.raises(IntegrityFailed) as refusal:
        await storage.write("main", new_key(), chunks_of(b"four"))
    assert (refusal.value.location, refusal.value.operation) == ("main", "write")


async def test_bulk_deletes_go_in_slices_and_one_failure_does_not_stop_them(signer: UrlSigner) -> None:
    backend = UnreliableBackend(location="main", signer=signer)
    storage = Storage({"main": backend}, default="main", timeout_seconds=5)
    await storage.open({})
    keys = [new_key() for _ in range(2 * PAGE_OBJECTS + 3)]
    failures = await storage.delete_many("main", keys)
    assert backend.sizes == (PAGE_OBJECTS, PAGE_OBJECTS, 3)
    assert list(failures) == keys[PAGE_OBJECTS : 2 * PAGE_OBJECTS]
    assert {(type(error), error.operation, error.location) for error in failures.values()} == {
        (Unavailable, "delete_many", "main")
    }


async def test_a_listing_of_whole_pages_ends(storage: Storage) -> None:
    keys = sorted(new_key() for _ in range(PAGE_OBJECTS))
    for key in keys:
        await storage.write("main", key, chunks_of(b""))
    assert [info.key async for info in storage.list("main")] == keys
