"""Storage locations and the database: matched at the start, and looked at again while the service runs (R13)."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.clock import FixedClock
from app.db import Database
from app.models import StorageLocation
from app.services.locations import Locations
from app.storage.errors import Reason
from app.storage.local import LocalBackend
from app.storage.storage import Storage
from app.storage.urls import UrlSigner

pytestmark = pytest.mark.requirement("R13")


def storage_at(root: Path) -> Storage:
    signer = UrlSigner(b"x" * 32, "http://127.0.0.1:8000", FixedClock())
    return Storage({"local": LocalBackend(root, location="local", signer=signer)}, default="local", timeout_seconds=5)


def is_ready(storage: Storage) -> bool:
    return storage.locations["local"].ready


async def test_a_new_store_is_recorded_once_and_known_again(database: Database, tmp_path: Path) -> None:
    first, second = storage_at(tmp_path / "files"), storage_at(tmp_path / "files")
    await asyncio.gather(*(Locations(database, each, FixedClock()).open() for each in (first, second)))
    (row,) = await StorageLocation.all()
    assert (row.name, row.backend) == ("local", "local")
    assert (tmp_path / "files" / ".satchel-id").read_text().strip() == row.identity
    assert first.locations["local"].ready
    assert second.locations["local"].ready
    for each in (first, second):
        await each.close()


async def test_a_volume_that_is_mounted_late_is_taken_into_use(database: Database, tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "files", tmp_path / "unmounted"
    storage = storage_at(root)
    await Locations(database, storage, FixedClock()).open()
    await storage.close()
    root.rename(elsewhere)
    restarted = storage_at(root)
    locations = Locations(database, restarted, FixedClock())
    await locations.open()
    assert is_ready(restarted) is False
    elsewhere.rename(root)
    watch = asyncio.create_task(locations.watch(every_seconds=0.01))
    async with asyncio.timeout(30):
        while not is_ready(restarted):  # noqa: ASYNC110 - the watch tells nobody
            await asyncio.sleep(0.01)
    watch.cancel()
    await restarted.close()


async def test_a_store_that_was_exchanged_is_taken_out_of_use(database: Database, tmp_path: Path) -> None:
    root = tmp_path / "files"
    storage = storage_at(root)
    locations = Locations(database, storage, FixedClock())
    await locations.open()
    shutil.rmtree(root)
    root.mkdir()
    (root / ".satchel-id").write_text("00000000-0000-4000-8000-000000000000")
    with capture_logs() as lines:
        await locations.recheck()
    assert not storage.locations["local"].ready
    assert [line["location"] for line in lines if line["event"] == "storage.not_ready"] == ["local"]
    await storage.close()


class Held(Storage):
    """What it has found at its opening is told when somebody lets it."""

    def __init__(self, root: Path) -> None:
        signer = UrlSigner(b"x" * 32, "http://127.0.0.1:8000", FixedClock())
        backend = LocalBackend(root, location="local", signer=signer)
        super().__init__({"local": backend}, default="local", timeout_seconds=5)
        self.found, self.go_on = asyncio.Event(), asyncio.Event()

    async def open(self, expected: Mapping[str, str | None]) -> dict[str, str]:
        fresh = await super().open(expected)
        self.found.set()
        await self.go_on.wait()
        return fresh


async def test_of_two_stores_that_are_met_at_once_by_mistake_one_counts(database: Database, tmp_path: Path) -> None:
    """As with a volume that each process has for itself: nothing may be deleted in the wrong one."""
    first, second = storage_at(tmp_path / "one"), Held(tmp_path / "other")
    late = Locations(database, second, FixedClock())
    opening = asyncio.create_task(late.open())
    await second.found.wait()
    await Locations(database, first, FixedClock()).open()
    second.go_on.set()
    await opening
    assert (is_ready(first), is_ready(second)) == (True, False)
    await late.recheck()
    assert second.locations["local"].reason is Reason.IDENTITY_WRONG
    assert (await StorageLocation.get()).identity == first.locations["local"].identity
    for each in (first, second):
        await each.close()


async def test_an_identity_that_could_not_be_recorded_is_recorded_later(database: Database, tmp_path: Path) -> None:
    storage = storage_at(tmp_path / "files")
    locations = Locations(database, storage, FixedClock())
    await _rename(database, "storage_locations", "away")
    with pytest.raises(Exception, match="storage_locations"):
        await locations.recheck()
    await _rename(database, "away", "storage_locations")
    await locations.recheck()
    assert (await StorageLocation.get()).identity == storage.locations["local"].identity
    assert is_ready(storage)
    await storage.close()


async def _rename(database: Database, table: str, name: str) -> None:
    await database.execute(f"ALTER TABLE {table} RENAME TO {name}")
