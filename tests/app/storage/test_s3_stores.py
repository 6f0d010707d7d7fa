"""S3 stores that are not what they should be: no bucket, no rights, other things in it, several processes on it (R9, R13)."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from app.storage.errors import Denied, InvalidRange, ObjectNotFound, Reason, Unavailable
from app.storage.s3 import S3Backend, S3Config
from app.storage.storage import Storage
from tests.app.storage.s3_stores import opened, quickly
from tests.contract.harness import NoDigest, data_of, exists, fetch, new_key, put
from tests.contract.s3_harness import config_for
from tests.fixtures.s3 import NewBucket, server_of
from tests.fixtures.servers.buckets import S3Server
from tests.fixtures.servers.s3 import start_rclone

pytestmark = [pytest.mark.requirement("R13"), pytest.mark.requirement("R9")]

IDENTITY = "5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11"


async def _list(backend: S3Backend) -> object:
    return [info.key async for info in backend.list()]


async def _delete_many(backend: S3Backend) -> object:
    for error in (await backend.delete_many([new_key()])).values():
        raise error
    return None


async def _write_large(backend: S3Backend) -> object:
    return await backend.write(new_key(), quickly(9 * 1024 * 1024), digest=NoDigest())


CALLS: dict[str, Callable[[S3Backend], Awaitable[object]]] = {
    "write": lambda backend: put(backend, new_key(), b"x"),
    "write-large": _write_large,
    "read": lambda backend: fetch(backend, new_key()),
    "stat": lambda backend: backend.stat(new_key()),
    "delete": lambda backend: backend.delete(new_key()),
    "delete-many": _delete_many,
    "list": _list,
    "check": lambda backend: backend.check(),
    "read-identity": lambda backend: backend.read_identity(),
    "write-identity": lambda backend: backend.write_identity(IDENTITY),
}
calls = pytest.mark.parametrize("name", CALLS)
servers = pytest.mark.parametrize("kind", ["s3_server", "moto_server"])


@servers
@calls
async def test_a_missing_bucket_is_never_taken_for_an_empty_one_nor_made(
    request: pytest.FixtureRequest, kind: str, name: str
) -> None:
    server: S3Server = request.getfixturevalue(kind)
    bucket = f"satchel-missing-{uuid4().hex}"
    async with opened(config_for(server, bucket)) as backend:
        with pytest.raises(Unavailable) as failure:
            await CALLS[name](backend)
    assert failure.value.reason is Reason.ROOT_MISSING
    assert bucket not in server.buckets()


@calls
@pytest.mark.parametrize("wrong", ["access_key_id", "secret_access_key"])
async def test_wrong_credentials_are_refused(s3_server: S3Server, s3_bucket: str, name: str, wrong: str) -> None:
    config = config_for(s3_server, s3_bucket, **{wrong: "wrong"})
    async with opened(config) as backend:
        with pytest.raises(Denied):
            await CALLS[name](backend)
    assert s3_server.names(s3_bucket) == []


@calls
async def test_nothing_works_before_it_is_opened_or_after_it_was_closed(
    s3_server: S3Server, s3_bucket: str, name: str
) -> None:
    backend = S3Backend(config_for(s3_server, s3_bucket), location="main")
    with pytest.raises(Unavailable) as failure:
        await CALLS[name](backend)
    assert failure.value.reason is Reason.NOT_OPENED
    await backend.open()
    await backend.close()
    with pytest.raises(Unavailable) as failure:
        await CALLS[name](backend)
    assert failure.value.reason is Reason.CLOSED


async def test_strangers_objects_are_neither_shown_nor_touched(s3_server: S3Server, s3_bucket: str) -> None:
    strangers = ["notes.txt", "system/2026/03/notes.txt", "system/2026/13/x", "SYSTEM/2026/03/x", "a b/ü"]
    for name in strangers:
        s3_server.client.put_object(Bucket=s3_bucket, Key=name, Body=b"not ours")
    async with opened(config_for(s3_server, s3_bucket)) as backend:
        key = new_key()
        await put(backend, key, b"ours")
        assert [info.key async for info in backend.list()] == [key]
        await backend.delete_many([key, *strangers])
    assert sorted(s3_server.names(s3_bucket)) == sorted(strangers)


@servers
async def test_processes_that_start_at_once_agree_on_one_identity(
    request: pytest.FixtureRequest, new_bucket: NewBucket, kind: str
) -> None:
    server: S3Server = request.getfixturevalue(kind)
    config = config_for(server, new_bucket(server), settle_seconds=2.0)

    async def start(backend: S3Backend) -> str | None:
        while True:
            # rclone stumbles over an object that is replaced while it is read. `Storage` looks again in its own time.
            with contextlib.suppress(Unavailable):
                if await backend.read_identity() is None:
                    await backend.write_identity(str(uuid4()))
                return await backend.read_identity()

    async with contextlib.AsyncExitStack() as stack:
        backends = [await stack.enter_async_context(opened(config)) for _ in range(8)]
        identities = await asyncio.gather(*map(start, backends))
    assert len(set(identities)) == 1
    assert None not in identities


async def test_a_store_that_keeps_the_first_identity_by_itself_is_not_waited_for(
    moto_server: S3Server, new_bucket: NewBucket
) -> None:
    config = config_for(moto_server, new_bucket(moto_server), settle_seconds=60.0)
    async with asyncio.timeout(20), opened(config) as backend:
        await backend.write_identity(IDENTITY)
        assert await backend.read_identity() == IDENTITY


async def test_a_bucket_is_a_location_like_any_other(s3_server: S3Server, new_bucket: NewBucket) -> None:
    first, second = (config_for(s3_server, new_bucket(s3_server)) for _ in range(2))
    missing = replace(first, bucket=f"satchel-missing-{uuid4().hex}")
    configs = {"new": first, "old": second, "twin": second, "missing": missing}
    storage = Storage(
        {name: S3Backend(config, location=name) for name, config in configs.items()},
        default="new",
        timeout_seconds=10,
    )
    fresh = await storage.open({})
    assert {name: location.reason for name, location in storage.locations.items()} == {
        "new": None,
        "old": None,
        "twin": Reason.IDENTITY_TAKEN,
        "missing": Reason.ROOT_MISSING,
    }
    assert set(fresh) == {"new", "old"}
    key = new_key()
    written = await storage.write("old", key, quickly(300_000), size_hint=300_000)
    assert written.size_bytes == 300_000
    async with storage.read("old", key, start=10, end=20) as pieces:
        assert [piece async for piece in pieces] == [data_of(300_000)[10:20]]
    with pytest.raises(ObjectNotFound):
        await storage.stat("new", key)
    assert await storage.delete_many("old", [key]) == {}
    assert (await storage.check())["missing"] == Reason.ROOT_MISSING.value
    await storage.close()

    again = Storage({"new": S3Backend(first, location="new")}, default="new", timeout_seconds=10)
    assert await again.open({"new": str(uuid4())}) == {}
    assert again.locations["new"].reason is Reason.IDENTITY_WRONG
    await again.close()


async def test_an_object_that_is_replaced_by_a_larger_one_is_not_called_out_of_range(
    s3_server: S3Server, s3_bucket: str
) -> None:
    async with opened(config_for(s3_server, s3_bucket)) as backend:
        key = new_key()
        await put(backend, key, b"12345")
        with pytest.raises(InvalidRange) as failure:
            await fetch(backend, key, start=5)
        assert (failure.value.start, failure.value.end, failure.value.size) == (5, None, 5)
        with pytest.raises(ObjectNotFound):
            await fetch(backend, new_key(), start=5, end=5)


async def test_an_upload_to_a_server_that_is_killed_ends_and_leaves_nothing_visible() -> None:
    processes = [start_rclone()]
    server = server_of(processes[0])
    port = int(server.endpoint.rpartition(":")[2])
    config = config_for(server, server.create_bucket(), timeout_seconds=20.0, part_bytes=256 * 1024)
    half_way = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        async for chunk in quickly(2_000_000):
            yield chunk
        half_way.set()
        await asyncio.sleep(0.3)
        async for chunk in quickly(4_000_000):
            yield chunk

    try:
        async with opened(config, grace_seconds=1.0) as backend:
            for hint in (None, 6_000_000):
                key = new_key()
                half_way.clear()
                write = asyncio.create_task(backend.write(key, source(), digest=NoDigest(), size_hint=hint))
                await half_way.wait()
                processes[-1].process.signal(signal.SIGKILL)
                with pytest.raises(Unavailable):
                    await write
                processes[-1].process.wait(10)
                processes.append(start_rclone(port=port, data=processes[0].data))
                assert not await exists(backend, key)
                await put(backend, key, b"second try")
                assert await fetch(backend, key) == b"second try"
                await backend.delete(key)
                assert [info.key async for info in backend.list()] == []
    finally:
        server.close()
        for process in reversed(processes):
            process.stop()


def test_a_configuration_speaks_of_the_bucket_it_is_for() -> None:
    config = S3Config("my-bucket", "key", "secret", endpoint="http://[::1]:9000")
    assert config.path_style
    assert config.address.path("k") == "/my-bucket/k"
    assert config.public_address.origin == "http://[::1]:9000"
