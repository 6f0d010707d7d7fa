"""Every backend, one after the other. A backend that is to be held to the contract is added to the parameters here."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.contract.harness import Harness, LocalHarness, MemoryHarness
from tests.contract.s3_harness import S3Harness
from tests.fixtures.s3 import GIVEN_ENDPOINT, NewBucket
from tests.fixtures.servers.buckets import S3Server

BackendFactory = Callable[[], Awaitable[Harness]]
# Makes an empty store, given a path of its own that does not exist yet, and what makes buckets.
NewStore = Callable[[pytest.FixtureRequest, Path, NewBucket], Harness]

# In parts of this size, in bytes, nearly every object of the tests is one in parts. Only rclone takes such small ones.
_SMALL_PARTS = 256 * 1024


def _memory(_request: pytest.FixtureRequest, path: Path, _new_bucket: NewBucket) -> Harness:
    return MemoryHarness(path)


def _local(_request: pytest.FixtureRequest, path: Path, _new_bucket: NewBucket) -> Harness:
    return LocalHarness(path)


def _s3(server: str, **options: int) -> NewStore:
    def make(request: pytest.FixtureRequest, _path: Path, new_bucket: NewBucket) -> Harness:
        found: S3Server = request.getfixturevalue(server)
        return S3Harness(found, new_bucket(found), **options)

    return make


_r9 = pytest.mark.requirement("R9")
_MEMORY = pytest.param(_memory, id="memory")
_LOCAL = pytest.param(_local, id="local", marks=pytest.mark.requirement("R10"))
_S3 = pytest.param(_s3("s3_server"), id="s3", marks=_r9)
_S3_PARTS = pytest.param(_s3("rclone_server", part_bytes=_SMALL_PARTS), id="s3-parts", marks=_r9)
_MOTO = pytest.param(_s3("moto_server"), id="s3-moto", marks=_r9)

STORES = [_MEMORY, _LOCAL, _S3, _S3_PARTS, _MOTO]
# The stores that know a forged or expired URL when they see one.
JUDGES = [_MEMORY, _LOCAL, _S3]
# The stores that never give a part of one object as another. rclone does, when it is asked for one in the moment that another
# takes its place; in Satchel no object ever takes the place of another.
REPLACERS = [_MEMORY, _LOCAL, _S3, _MOTO] if GIVEN_ENDPOINT else [_MEMORY, _LOCAL, _MOTO]
# For what costs a thousand objects: a page of one S3 server is read like that of another, whatever the size of parts is.
LISTERS = [
    _MEMORY,
    _LOCAL,
    _S3,
    *(pytest.param(*store.values, id=store.id, marks=(_r9, pytest.mark.long)) for store in (_S3_PARTS, _MOTO)),
]


@pytest.fixture(params=STORES)
async def backend_factory(
    request: pytest.FixtureRequest, tmp_path: Path, new_bucket: NewBucket
) -> AsyncIterator[BackendFactory]:
    """Makes empty stores with an opened backend each. When the test is over, nothing unfinished may be left in them."""
    new_store: NewStore = request.param
    stores: list[Harness] = []
    async with AsyncExitStack() as stack:

        async def make() -> Harness:
            harness = new_store(request, tmp_path / f"store-{len(stores)}", new_bucket)
            stores.append(harness)
            await harness.backend.open()
            stack.push_async_callback(harness.backend.close)
            return harness

        yield make
    assert [await store.leftovers() for store in stores] == [[] for _ in stores]


@pytest.fixture
async def store(backend_factory: BackendFactory) -> Harness:
    """One empty store."""
    return await backend_factory()
