"""What services hold: named storage locations, each with its backend, and the rules that are the same for all of them.

Keys are checked here, bytes counted and hashed, calls bounded in time, errors given their context. A location is used only
while its store carries the identity that the database knows: an unmounted volume or another bucket is never taken for an
empty store.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID, uuid4

from app.storage.around import Bounded, Source, describe
from app.storage.backend import PAGE_OBJECTS, Backend, ObjectInfo, SignedRead
from app.storage.errors import Denied, IntegrityFailed, Reason, StorageError, Unavailable
from app.storage.keys import check_key
from app.telemetry.storage_watch import StorageWatch


@dataclass(frozen=True, slots=True)
class Written:
    """What was stored: its size in bytes and its SHA-256 in 64 lower-case hexadecimal digits."""

    size_bytes: int
    sha256: str


@dataclass(slots=True)
class Location:
    """A named store. `identity` is the one it must carry, None until one is known; `reason` says why it is not ready."""

    name: str
    backend: Backend
    identity: str | None = None
    reason: Reason | None = Reason.NOT_OPENED
    opened: bool = False

    @property
    def ready(self) -> bool:
        """Whether it may be used."""
        return self.reason is None


class Storage:
    """All locations of this process. Every method raises `StorageError` and, but for what a source raises, nothing else.

    `default` names the location of new uploads. `timeout_seconds` bounds every call, and within a write or a read every step
    that the backend makes; the time that a sender or a receiver takes is not counted.
    """

    def __init__(
        self,
        backends: Mapping[str, Backend],
        *,
        default: str,
        timeout_seconds: float,
        watch: StorageWatch | None = None,
    ) -> None:
        if default not in backends:
            raise ValueError(f"the default location {default!r} is not among the locations")
        self.default = default
        self._locations = {name: Location(name, backend) for name, backend in backends.items()}
        self._timeout_seconds = timeout_seconds
        self._watch = watch or StorageWatch()
        self._checking = asyncio.Lock()

    @property
    def locations(self) -> Mapping[str, Location]:
        """The locations by name, ready or not. For looking only."""
        return MappingProxyType(self._locations)

    # ---------------------------------------------------------------- which store it is

    async def open(self, expected: Mapping[str, str | None]) -> dict[str, str]:
        """Open all locations, given the identities that the database knows by their names. Otherwise as `recheck`."""
        for location in self._locations.values():
            location.identity = expected.get(location.name)
        return await self.recheck()

    async def recheck(self) -> dict[str, str]:
        """Look again which store is behind each location, and make it ready or not. Returns identities to be recorded.

        A location that the database does not know yet is given the identity that its store carries, or else a new one: it is
        in the result, once. One that was ready stays so while its store cannot be asked: its calls fail by themselves. Raises
        nothing for a store that is down or wrong: see `check`.
        """
        async with self._checking:
            results = await asyncio.gather(*map(self._identify, self._locations.values()))
            owners: dict[str, str] = {}
            for location in self._locations.values():
                if location.identity is not None:
                    owners.setdefault(location.identity, location.name)
            fresh: dict[str, str] = {}
            for location, found in zip(self._locations.values(), results, strict=True):
                if isinstance(found, StorageError):
                    location.reason = None if location.ready else reason_of(found)
                    continue
                location.reason = _verdict(location, found, owners)
                if location.reason is None and found is not None and location.identity is None:
                    location.identity = fresh[location.name] = found
                    owners[found] = location.name
            return fresh

    def known(self, name: str, identity: str) -> None:
        """This is the identity that the database knows a location by. With another store it is not ready."""
        location = self._locations[name]
        if location.identity != identity:
            location.identity, location.reason = identity, Reason.IDENTITY_WRONG

    async def check(self) -> dict[str, str | None]:
        """What is wrong with each location, in words that may be shown to anyone, or None. For `/readyz`."""

        async def probe(location: Location) -> str | None:
            if location.reason is not None:
                return location.reason.value
            try:
                async with self._bounded("check", location.name):
                    await location.backend.check()
            except StorageError as error:
                return reason_of(error).value
            return None

        names, locations = self._locations.keys(), self._locations.values()
        return dict(zip(names, await asyncio.gather(*map(probe, locations)), strict=True))

    async def close(self) -> None:
        """Close all backends, whatever one of them says. Nothing is ready afterwards."""
        for location in self._locations.values():
            location.reason, location.opened = Reason.CLOSED, False
        await asyncio.gather(*(each.backend.close() for each in self._locations.values()), return_exceptions=True)

    async def _identify(self, location: Location) -> str | StorageError | None:
        backend = location.backend
        is_new = location.identity is None
        try:
            async with self._bounded("identify", location.name):
                if not location.opened:
                    await backend.open(create=is_new)
                    location.opened = True
                found = await backend.read_identity()
                if found is None and is_new:
                    await backend.write_identity(str(uuid4()))
                    # Another process may have been quicker: what counts is what is there now.
                    found = await backend.read_identity()
                return found
        except StorageError as error:
            return error

    # ---------------------------------------------------------------- objects

    async def write(
        self, location: str, key: str, chunks: AsyncIterator[bytes], *, size_hint: int | None = None
    ) -> Written:
        """Store the bytes of `chunks` under `key`: see `Backend.write`. What `chunks` raises is passed on as it is.

        After any failure but `InvalidKey` the object may be there nevertheless.
        """
        with self._watch.call(location, "write") as call:
            backend = self._ready("write", location, key)
            digest = hashlib.sha256()
            async with self._bounded("write", location, key) as limit:
                source = Source(chunks, limit, None if backend.bounds_writes else self._timeout_seconds)
                size = call.size_bytes = await backend.write(key, source, digest=digest, size_hint=size_hint)
                if size != source.size:
                    raise IntegrityFailed(key)
            return Written(size, digest.hexdigest())

    @contextlib.asynccontextmanager
    async def read(
        self, location: str, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes [start, end) of an object: see `Backend.read`. Everything that can be wrong is raised on entry."""
        async with contextlib.AsyncExitStack() as stack:
            # Watched until the bytes are there to be taken: how long that takes is up to whoever takes them.
            with self._watch.call(location, "read") as call:
                backend = self._ready("read", location, key)
                call.size_bytes = None if end is None else end - start
                async with self._bounded("read", location, key):
                    pieces = await stack.enter_async_context(backend.read(key, start=start, end=end))
            yield await stack.enter_async_context(contextlib.aclosing(self._pieces(location, key, pieces)))

    async def stat(self, location: str, key: str) -> ObjectInfo:
        """What the store knows of an object; raises `ObjectNotFound`."""
        with self._watch.call(location, "stat"):
            backend = self._ready("stat", location, key)
            async with self._bounded("stat", location, key):
                return await backend.stat(key)

    async def delete(self, location: str, key: str) -> None:
        """Remove an object with all that unfinished writes left of it: see `Backend.delete`. A missing one is no error."""
        with self._watch.call(location, "delete"):
            backend = self._ready("delete", location, key)
            async with self._bounded("delete", location, key):
                await backend.delete(key)

    async def delete_many(self, location: str, keys: Sequence[str]) -> dict[str, StorageError]:
        """As `delete` for each key, in bulk. Returns the failures; raises only when the location is not ready.

        A slice of keys whose time runs out counts as failed, though some of it may be gone: deleting again does no harm.
        """
        backend = self._ready("delete_many", location)
        failures: dict[str, StorageError] = {}
        for start in range(0, len(keys), PAGE_OBJECTS):
            some = keys[start : start + PAGE_OBJECTS]
            try:
                with self._watch.call(location, "delete_many"):
                    async with self._bounded("delete_many", location):
                        refused = await backend.delete_many(some)
            except StorageError as error:
                failures |= dict.fromkeys(some, error)
            else:
                failures |= refused
                for refusal in refused.values():
                    self._watch.failed(location, "delete_many", refusal)
        for failure in failures.values():
            describe(failure, "delete_many", location, failure.key)
        return failures

    async def list(self, location: str, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """All objects whose key starts with `prefix`, in byte order: see `Backend.list`. Read page by page."""
        objects = self._ready("list", location).list(prefix)
        page_is_full = True
        while page_is_full:
            with self._watch.call(location, "list"):
                async with self._bounded("list", location):
                    page = await _take(objects, PAGE_OBJECTS)
            for info in page:
                yield info
            page_is_full = len(page) == PAGE_OBJECTS

    async def sign(self, location: str, request: SignedRead) -> str:
        """An absolute URL for one read until it expires: see `Backend.sign`."""
        with self._watch.call(location, "sign"):
            backend = self._ready("sign", location, request.key)
            async with self._bounded("sign", location, request.key):
                return await backend.sign(request)

    def leads_to_store(self, location: str) -> bool:
        """Whether signed URLs of a location lead to the store itself, past this service."""
        return self._locations[location].backend.kind == "s3"

    # ---------------------------------------------------------------- around every call

    def _ready(self, operation: str, name: str, key: str | None = None) -> Backend:
        """The backend of a location that may be used; the key, if any, is checked first."""
        location = self._locations.get(name)
        try:
            if key is not None:
                check_key(key)
            if location is None:
                raise Unavailable(Reason.NOT_CONFIGURED)
            if location.reason is not None:
                raise Unavailable(location.reason)
        except StorageError as error:
            raise describe(error, operation, name, key) from None
        return location.backend

    def _bounded(self, operation: str, name: str, key: str | None = None) -> Bounded:
        return Bounded(self._timeout_seconds, operation, name, key)

    async def _pieces(self, name: str, key: str, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        while True:
            try:
                async with self._bounded("read", name, key):
                    piece = await anext(pieces, None)
            except StorageError as error:
                self._watch.failed(name, "read", error)
                raise
            if piece is None:
                return
            yield piece


def reason_of(error: StorageError) -> Reason:
    """Why a store that raised this cannot be used, in words that may be shown to anyone."""
    if isinstance(error, Unavailable):
        return error.reason
    return Reason.DENIED if isinstance(error, Denied) else Reason.FAILED


def _verdict(location: Location, found: str | None, owners: Mapping[str, str]) -> Reason | None:
    if found is None:
        return Reason.IDENTITY_MISSING
    if location.identity is not None and found != location.identity:
        return Reason.IDENTITY_WRONG
    if owners.get(found, location.name) != location.name:
        return Reason.IDENTITY_TAKEN
    try:
        UUID(found)
    except ValueError:
        return Reason.IDENTITY_UNREADABLE
    return None


async def _take(objects: AsyncIterator[ObjectInfo], limit: int) -> list[ObjectInfo]:
    page: list[ObjectInfo] = []
    while len(page) < limit and (info := await anext(objects, None)) is not None:
        page.append(info)
    return page
