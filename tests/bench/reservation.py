"""Reserving room and inserting the row: the product's way, and the usual one that locks the ledger's row, looks and writes.

Both in this process, one after the other in every round, with a pool that has a connection for each client, who is a user too.
PostgreSQL runs with its defaults, so that every transaction waits for the disk; one row shows what that hides.

python -m tests.bench.reservation [--rounds 3]
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import uvloop
from tortoise.transactions import in_transaction

from app.clock import SystemClock
from app.db import Database
from app.models import File, FileStatus, UserStorage
from app.services.ledger import Ledger
from app.services.limits import EffectiveLimits, LimitSource, Origin
from app.services.reservations import LEASE_SECONDS, Draft, Reservations
from tests.bench import report
from tests.bench.harness import BenchFailed, interleave
from tests.bench.options import Options
from tests.bench.postgres import databases, let_commits_hurry, promises
from tests.bench.report import Row, Spread
from tests.bench.running import main
from tests.factories import make_location, make_user

_SIZE = 1000
_QUOTA = 1024**4
_DEFAULT = Origin(LimitSource.SYSTEM_DEFAULT)
_LIMITS = EffectiveLimits(_QUOTA, _QUOTA, _DEFAULT, _DEFAULT)

Reserve = Callable[[Draft], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scene:
    """An open database, and the users whose clients reserve."""

    database: Database
    users: Sequence[UUID]
    reservations: Reservations

    async def reserve_at_once(self, draft: Draft) -> None:
        """The product's way."""
        await self.reservations.open(draft, _SIZE, _LIMITS, needed=_SIZE)

    async def lock_and_look(self, draft: Draft) -> None:
        """The usual way."""
        async with in_transaction():
            ledger = await UserStorage.select_for_update().get(user_id=draft.owner_id)
            if ledger.used_bytes + _SIZE > _QUOTA:
                raise BenchFailed("the quota is too small")
            ledger.used_bytes += _SIZE
            await ledger.save(update_fields=["used_bytes"])
            await File.create(
                id=draft.id,
                owner_id=draft.owner_id,
                name=draft.name,
                name_folded=draft.name,
                mime_type="application/octet-stream",
                charged_bytes=_SIZE,
                status=FileStatus.PENDING,
                location_id=draft.location,
                storage_key=draft.storage_key,
                created_at=draft.created_at,
                updated_at=draft.created_at,
                lease_expires_at=draft.created_at + timedelta(seconds=LEASE_SECONDS),
            )

    async def burst(self, reserve: Reserve, users: Sequence[UUID], count: int) -> float:
        """Reservations a second, each client making its share one after the other."""
        self.database.bind()

        async def client(user_id: UUID) -> None:
            for _ in range(count // len(users)):
                await reserve(_draft(user_id))

        began = time.perf_counter()
        await asyncio.gather(*map(client, users))
        return count // len(users) * len(users) / (time.perf_counter() - began)

    async def check(self) -> None:
        """Raise BenchFailed unless every reservation has its row and its charge."""
        self.database.bind()
        [rows] = await self.database.fetch("SELECT count(*) AS n, sum(charged_bytes) AS bytes FROM files")
        [ledger] = await self.database.fetch("SELECT sum(used_bytes) AS bytes FROM user_storage")
        if not rows["n"] or rows["n"] * _SIZE != rows["bytes"] or rows["bytes"] != ledger["bytes"]:
            raise BenchFailed(f"rows and ledger differ: {rows}, {ledger}")


def measure(options: Options, folder: Path) -> Iterator[Row]:
    """All rows about reservations."""
    assert folder.is_dir()
    what = f"reservation and row, {options.clients} clients"
    with databases(options) as server:
        url, hurried = server.migrated_database(), let_commits_hurry(server.migrated_database())
        ratio, reference, details = _compare(url, options, users=options.clients)
        yield report.at_least(what, ratio, 2.3, reference, **details)
        ratio, reference, details = _compare(hurried, options, users=options.clients)
        yield report.information(f"{what}, commits not awaited", ratio.text(" ×"), reference, **details)
        ratio, reference, details = _compare(url, options, users=1)
        yield report.information(f"{what} of one user", ratio.text(" ×"), reference, **details)


def _compare(url: str, options: Options, *, users: int) -> tuple[Spread, str, dict[str, Any]]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        scene = runner.run(_open(url, options.clients))
        try:
            ways = {"at once": scene.reserve_at_once, "locked": scene.lock_and_look}
            whose = (list(scene.users[:users]) * options.clients)[: options.clients]
            turns = {name: _turn(runner, scene, way, whose, options.reservations) for name, way in ways.items()}
            interleave(1, turns)
            rates = interleave(options.rounds, turns)
            runner.run(scene.check())
        finally:
            runner.run(scene.database.close())
    reference = f"select_for_update, {Spread.of(rates['locked']).median:,.0f}/s"
    details = {"per_second": rates, "database": promises(url)}
    return Spread.ratios(rates["at once"], rates["locked"]), reference, details


def _turn(runner: asyncio.Runner, scene: Scene, way: Reserve, users: Sequence[UUID], count: int) -> Callable[[], float]:
    return lambda: runner.run(scene.burst(way, users, count))


async def _open(url: str, clients: int) -> Scene:
    database = Database(url, pool_min=clients, pool_max=clients)
    await database.open()
    await make_location("local")
    users = [(await make_user()).id for _ in range(clients)]
    for user_id in users:
        await UserStorage.create(user_id=user_id)
    ledger = Ledger(database, trash_quota_factor=2)
    return Scene(database, users, Reservations(database, ledger, SystemClock(), upload_expires_seconds=900))


def _draft(owner_id: UUID) -> Draft:
    file_id = uuid4()
    return Draft(
        id=file_id,
        owner_id=owner_id,
        group_id=None,
        name="sample.bin",
        location="local",
        storage_key=f"system/2025/01/{file_id}.bin",
        entity_type=None,
        entity_id=None,
        idempotency_key=None,
        created_at=datetime.now(UTC),
    )


if __name__ == "__main__":
    main(measure)
