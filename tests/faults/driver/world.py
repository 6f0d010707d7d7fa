"""A deployment: processes, and between them and the servers the proxies by which they are cut off."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from tortoise.exceptions import DBConnectionError

from app.auth import Tokens
from app.clock import FixedClock
from app.db import Database
from tests.factories import make_user, make_user_limit
from tests.faults.driver.disk import small_disk
from tests.faults.driver.fleet import Fleet, Member, Size
from tests.faults.driver.servers import Servers
from tests.faults.driver.watch import NOTES
from tests.faults.postgres import PostgresProxy
from tests.faults.proxy import FaultProxy
from tests.faults.tcp import TcpProxy
from tests.fixtures.site import SECRET, LocalStore, Person, S3Store, Store

RETENTION_DAYS = 30
LEASE_SECONDS = 3
_TOKENS_DAYS = 1000
_POOL = 4
_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_DEAD_CONNECTIONS = 3 * _POOL

# Short leases and small batches: more happens in a second, and less waiting for what the dead held.
_ENVIRONMENT = {
    "DATABASE_POOL_MAX": "6",
    "JOB_LEASE_SECONDS": str(LEASE_SECONDS),
    "JOB_BATCH_FILES": "20",
    "STORAGE_TIMEOUT_SECONDS": "4",
    "SHUTDOWN_GRACE_SECONDS": "10",
    "RATE_LIMITS": "false",  # a crowd of few does the work of many
    "TRASH_RETENTION_DAYS": str(RETENTION_DAYS),
    # Longer than any fault keeps a request, as the setting's meaning demands.
    "UPLOAD_EXPIRES_SECONDS": "60",
    "DEFAULT_MAX_FILE_SIZE_BYTES": str(64 * 1024 * 1024),
}


@dataclass(frozen=True)
class Needs:
    """What a deployment is made of. `disk` are the bytes of a disk for local storage, in place of S3; 0 for S3."""

    size: Size = field(default_factory=Size)
    disk: int = 0
    environment: tuple[tuple[str, str], ...] = ()


@dataclass
class World:
    """`database` is the driver's own way to the database, past the proxy; `eyes` is one that only looks."""

    servers: Servers
    needs: Needs
    folder: Path
    database_url: str
    database: Database
    store: Store
    s3: FaultProxy
    postgres: PostgresProxy
    redis: TcpProxy
    fleet: Fleet
    admin: Person
    clock_file: Path
    furthest_seconds: float = 0.0  # that the processes' clocks were ever ahead
    people: list[Person] = field(default_factory=list)

    @property
    def apis(self) -> Sequence[Member]:
        """The places of web processes."""
        return self.fleet.apis

    @property
    def temporary(self) -> Path:
        """Where processes would put temporary files."""
        return self.folder / "tmp"

    async def person(self, *, quota: int) -> Person:
        """A new user with a quota of their own and a token that every process takes, whatever its clock shows."""

        async def make() -> Person:
            person = await _person()
            await make_user_limit(person.user, storage_quota_bytes=quota)
            return person

        # The pool may still hold connections to a server that was restarted.
        for _ in range(_DEAD_CONNECTIONS):
            with suppress(DBConnectionError, OSError, *_DRIVER_ERRORS):
                self.people.append(await make())
                return self.people[-1]
        raise RuntimeError("the database takes no users")

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Rows, on a connection of its own: whatever has befallen the others."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()

    async def execute(self, statement: str, *values: object) -> None:
        """A change behind the back of the processes."""
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    def set_clock(self, seconds: float) -> None:
        """Have the processes' clocks be so far ahead."""
        self.furthest_seconds = max(self.furthest_seconds, seconds)
        draft = self.clock_file.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.replace(self.clock_file)

    async def heal(self) -> None:
        """Everything works again."""
        for proxy in (self.s3, self.postgres, self.redis):
            await proxy.come_back()
        self.s3.heal()
        await self.s3.break_connections()  # those that nothing comes over any more
        self.postgres.heal()
        self.postgres.latency_seconds = 0
        self.postgres.speak()
        self.redis.speak()

    @property
    def faults(self) -> int:
        """How many requests and statements something has happened to."""
        return self.s3.faults + self.postgres.faults


@asynccontextmanager
async def deployment(servers: Servers, folder: Path, needs: Needs) -> AsyncIterator[World]:
    """A deployment on an empty database, with all its processes; at the end nothing is left of it."""
    (folder / "tmp").mkdir(parents=True)
    url = await asyncio.to_thread(servers.databases.migrated_database)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, servers.databases.drop_database, url)
        s3 = await stack.enter_async_context(FaultProxy(servers.buckets.endpoint))
        store: Store
        told: dict[str, str] = {}
        if needs.disk:
            store = LocalStore(folder / "disk")
            told = stack.enter_context(small_disk(store.root, needs.disk, mounted=servers.may_mount))
        else:
            bucket = await asyncio.to_thread(servers.buckets.create_bucket)
            stack.push_async_callback(asyncio.to_thread, servers.buckets.drop_bucket, bucket)
            store = S3Store(servers.buckets, bucket, endpoint=s3.endpoint)
        parts = urlsplit(url)
        postgres = await stack.enter_async_context(PostgresProxy((parts.hostname or "", parts.port or 0)))
        redis = await stack.enter_async_context(TcpProxy(("127.0.0.1", servers.redis_port)))
        database = Database(url, pool_min=0, pool_max=_POOL)
        await database.open()
        stack.push_async_callback(database.close)
        clock_file = folder / "clock"
        fleet = Fleet(
            needs.size,
            folder,
            {
                **_ENVIRONMENT,
                **store.environment,
                "S3_PUBLIC_ENDPOINT": servers.buckets.endpoint,
                "DATABASE_URL": parts._replace(netloc=f"postgres@127.0.0.1:{postgres.port}").geturl(),
                "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
                "SECRET_KEY": SECRET,
                "DATA_DIR": str(folder / "data"),
                "TMPDIR": str(folder / "tmp"),
                "FAULTS_CLOCK": str(clock_file),
                **told,
                **dict(needs.environment),
            },
        )
        stack.push_async_callback(asyncio.to_thread, fleet.stop)
        admin = await _person(is_system_admin=True)
        world = World(servers, needs, folder, url, database, store, s3, postgres, redis, fleet, admin, clock_file)
        world.set_clock(0)
        await world.execute(NOTES)
        # The first one gives the store its identity; who finds it there is ready at once.
        await fleet.apis[0].start()
        await fleet.apis[0].ready()
        await fleet.start()
        yield world


async def _person(*, is_system_admin: bool = False) -> Person:
    user = await make_user(is_system_admin=is_system_admin)
    since = datetime.now(UTC) - timedelta(days=_TOKENS_DAYS)
    tokens = Tokens(SECRET.encode(), clock=FixedClock(since), expires_seconds=2 * _TOKENS_DAYS * 86_400)
    return Person(user, tokens.issue(user.id, 0).token)
