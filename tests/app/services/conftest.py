"""The services of one process on a database of each kind, with memory storage and a clock that is set by hand."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import pytest

from app.auth import Principal
from app.clock import FixedClock
from app.models import User
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from tests.factories import make_user


@dataclass
class Source:
    """A file on its way in. `breaks` is raised after the chunks."""

    chunks: Iterable[bytes]
    file_name: str = "essay.txt"
    size_estimate: int | None = None
    breaks: Exception | None = None
    pulled: int = field(default=0, init=False)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.pulled += len(chunk)
            yield chunk
        if self.breaks is not None:
            raise self.breaks


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def runtime(database_url: str, clock: FixedClock) -> AsyncIterator[Runtime]:
    settings = Settings.load(
        database_url=database_url,
        secret_key="x" * 32,
        storage_backend="memory",
        default_max_file_size_bytes=1_000_000,
        default_storage_quota_bytes=2_000_000,
    )
    async with open_runtime(settings, clock) as opened:
        yield opened


@pytest.fixture
async def user(runtime: Runtime) -> User:
    return await make_user()


@pytest.fixture
def principal(user: User) -> Principal:
    return Principal(user.id, is_system_admin=False)
