"""Uploading one file: reserve, stream, settle; or leave nothing behind (design.md, "Upload, step by step")."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID, uuid4

from tortoise.exceptions import IntegrityError

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import (
    BadUserInput,
    ChecksumMismatch,
    Conflict,
    FileTooLarge,
    NotFound,
    QuotaExceeded,
    StorageUnavailable,
    UnsupportedMediaType,
)
from app.events import Events, FileEvent, FileUploaded, QuotaRefused, UploadFailed
from app.models import EntityType, File, FileStatus, Group, StorageLocation
from app.services.ledger import Request
from app.services.limits import EffectiveLimits, Limits
from app.services.names import clean_name
from app.services.references import check_entity, check_group
from app.services.reservations import Content, Draft, Reservations
from app.services.sniffing import SNIFF_BYTES, Sniffed, is_accepted, sniff
from app.services.standing import load_standing
from app.storage.errors import StorageError
from app.storage.keys import make_key
from app.storage.storage import Storage
from app.telemetry.metrics import Metrics

_SLACK = 64 * 1024  # what multipart framing may add to a length: below this a refusal waits for the bytes (R2)
_FIRST_STEP = 256 * 1024
_STEP = 8 * 1024 * 1024
_RENEW_SECONDS = 30
_KEY_LIFETIME = timedelta(hours=24)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class UploadSource(Protocol):
    """A file on its way in, pulled by whoever iterates it; raises out of the iteration when the sender is gone."""

    @property
    def file_name(self) -> str:
        """The name the client gave."""
        ...

    @property
    def size_estimate(self) -> int | None:
        """The bytes of this file as the request's length tells them, give or take framing; None when it does not."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes, in the chunks in which they arrive."""
        ...


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What the client says about the file. `sha256` is what its bytes must hash to, in hexadecimal."""

    name: str | None = None
    group_id: UUID | None = None
    entity_type: EntityType | None = None
    entity_id: UUID | None = None
    sha256: str | None = None
    idempotency_key: str | None = None


class Uploads:
    """Takes files in."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        limits: Limits,
        reservations: Reservations,
        clock: Clock,
        *,
        allowed_mime_types: tuple[str, ...],
        events: Events,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._storage = storage
        self._limits = limits
        self._reservations = reservations
        self._clock = clock
        self._allowed = allowed_mime_types
        self._events = events
        self._metrics = metrics

    async def upload(self, principal: Principal, request: UploadRequest, source: UploadSource) -> File:
        """Store the file and answer with its row, ACTIVE.

        Raises BadUserInput, NotFound, Forbidden, FileTooLarge, QuotaExceeded, UnsupportedMediaType, ChecksumMismatch,
        Conflict or StorageUnavailable, with nothing stored and the ledger as it was.
        """
        draft = self._draft(principal, request, source)
        expected_sha256 = _expected_hash(request.sha256)
        if request.group_id is not None or request.entity_id is not None:
            await self._check_references(principal, request)
        earlier = await self._earlier(draft)
        if earlier is not None:
            return await _repeat(earlier, source, expected_sha256)
        limits = await self._limits.effective(principal.user_id)
        try:
            return await self._receive(draft, limits, source, expected_sha256)
        except QuotaExceeded as refusal:
            self._events.emit(QuotaRefused.of(draft.owner_id, draft.group_id, draft.name, refusal))
            raise

    def _draft(self, principal: Principal, request: UploadRequest, source: UploadSource) -> Draft:
        name = clean_name(source.file_name if request.name is None else request.name)
        key = request.idempotency_key
        if key is not None and not (0 < len(key) <= 255 and key.isprintable()):
            raise BadUserInput("An idempotency key has 1 to 255 printable characters.", field="idempotencyKey")
        file_id, now = uuid4(), self._clock.now()
        return Draft(
            id=file_id,
            owner_id=principal.user_id,
            group_id=request.group_id,
            name=name,
            location=self._storage.default,
            storage_key=make_key(request.group_id, now, file_id, name),
            entity_type=request.entity_type,
            entity_id=request.entity_id,
            idempotency_key=key,
            created_at=now,
        )

    async def _check_references(self, principal: Principal, request: UploadRequest) -> None:
        standing = await load_standing(self._database, principal)
        if request.group_id is not None:
            await check_group(self._database, principal, standing, request.group_id)
        await check_entity(self._database, principal, standing, request.entity_type, request.entity_id)

    async def _earlier(self, draft: Draft) -> File | None:
        """The file that this owner's idempotency key has made already. A key is forgotten after 24 hours."""
        if draft.idempotency_key is None:
            return None
        await File.filter(
            owner_id=draft.owner_id,
            idempotency_key=draft.idempotency_key,
            created_at__lt=self._clock.now() - _KEY_LIFETIME,
        ).update(idempotency_key=None)
        return await File.get_or_none(owner_id=draft.owner_id, idempotency_key=draft.idempotency_key)

    async def _receive(
        self, draft: Draft, limits: EffectiveLimits, source: UploadSource, expected_sha256: str | None
    ) -> File:
        estimate = source.size_estimate
        if estimate is not None and estimate > limits.max_file_size_bytes + _SLACK:
            raise _too_large(limits, estimate)
        # With a known length all of it is reserved at once; a shortfall within the slack may be framing, not file.
        amount = _FIRST_STEP if estimate is None else min(estimate, limits.max_file_size_bytes)
        needed = 0 if estimate is None else max(0, amount - _SLACK)
        try:
            reserved = await self._reservations.open(draft, amount, limits, needed=needed)
        except IntegrityError as error:
            raise await self._why_not(draft) from error
        except QuotaExceeded:
            raise
        except BaseException:
            # It may have been committed all the same: the answer was lost, or nobody waits for it any more.
            await self._reservations.abandon(draft, bytes_may_exist=False)
            raise
        with self._metrics.receiving(draft.location):
            return await self._take(draft, limits, source, estimate, reserved, expected_sha256)

    async def _why_not(self, draft: Draft) -> Exception:
        """What the row of a draft points at and is not there, or else who has it already."""
        if draft.group_id is not None and not await Group.exists(id=draft.group_id):
            return NotFound("group")  # deleted since it was checked
        if not await StorageLocation.exists(name=draft.location):
            return StorageUnavailable(draft.location)  # the store could not be asked yet which one it is
        # Only the idempotency key is unique here by the client's choice: another request came first with it.
        return Conflict("An upload with this idempotency key is still running.")

    async def _take(
        self,
        draft: Draft,
        limits: EffectiveLimits,
        source: UploadSource,
        estimate: int | None,
        reserved: int,
        expected_sha256: str | None,
    ) -> File:
        intake = _Intake(self._reservations, draft, limits, reserved, step=_STEP if estimate is None else 0)
        stored = False
        try:
            stream = intake.chunks(source)
            head = await _head(stream)
            sniffed = self._accepted(b"".join(head)[:SNIFF_BYTES], draft.name)
            stored = True  # from here on a byte may have reached the backend
            content = await self._store(draft, _chained(head, stream), sniffed, estimate)
            if expected_sha256 is not None and content.sha256 != expected_sha256:
                raise ChecksumMismatch(expected=expected_sha256, actual=content.sha256)
            file = await self._reservations.settle(draft, content, reserved=intake.reserved)
        except BaseException:
            # Who leaves while the last statement is on its way has uploaded a file all the same.
            became = await self._reservations.abandon(draft, bytes_may_exist=stored)
            if became is None:
                self._events.emit(_event(UploadFailed, draft, intake.arrived))
            else:
                self._events.emit(_event(FileUploaded, draft, became.size_bytes))
            raise
        self._events.emit(_event(FileUploaded, draft, file.size_bytes))
        return file

    def _accepted(self, head: bytes, name: str) -> Sniffed:
        sniffed = sniff(head, name)
        if sniffed.executable or not is_accepted(sniffed.mime_type, self._allowed):
            raise UnsupportedMediaType(mime_type=sniffed.mime_type, allowed=self._allowed)
        return sniffed

    async def _store(
        self, draft: Draft, chunks: AsyncIterator[bytes], sniffed: Sniffed, estimate: int | None
    ) -> Content:
        try:
            written = await self._storage.write(draft.location, draft.storage_key, chunks, size_hint=estimate)
        except StorageError as error:
            raise StorageUnavailable(draft.location) from error
        return Content(size_bytes=written.size_bytes, sha256=written.sha256, mime_type=sniffed.mime_type)


class _Intake:
    """Lets bytes through while they are within the size limit and covered by the reservation; keeps the lease alive."""

    def __init__(
        self, reservations: Reservations, draft: Draft, limits: EffectiveLimits, reserved: int, *, step: int
    ) -> None:
        # Where the length was known only what framing hid is missing: more would stand in the way of other uploads.
        self._step = step
        self._reservations = reservations
        self._draft = draft
        self._limits = limits
        self.reserved = reserved
        self.arrived = 0

    async def chunks(self, source: UploadSource) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        renew_at = loop.time() + _RENEW_SECONDS
        async for chunk in source:
            self.arrived += len(chunk)
            if self.arrived > self._limits.max_file_size_bytes:
                raise _too_large(self._limits, None)
            if self.arrived > self.reserved:
                await self._cover()
            if loop.time() >= renew_at:
                await self._reservations.renew(self._draft, self.arrived)
                renew_at = loop.time() + _RENEW_SECONDS
            yield chunk

    async def _cover(self) -> None:
        missing = self.arrived - self.reserved
        room = self._limits.max_file_size_bytes - self.reserved
        self.reserved += await self._reservations.grow(
            self._draft,
            min(max(self._step, missing), room),
            self._limits,
            needed=missing,
            request=Request(self.arrived, held_bytes=self.reserved),
        )


async def _head(stream: AsyncGenerator[bytes, None]) -> list[bytes]:
    """The first chunks, enough of them to sniff."""
    head: list[bytes] = []
    size = 0
    async for chunk in stream:
        head.append(chunk)
        size += len(chunk)
        if size >= SNIFF_BYTES:
            break
    return head


async def _chained(head: list[bytes], rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    for chunk in head:
        yield chunk
    head.clear()
    async for chunk in rest:
        yield chunk


async def _repeat(earlier: File, source: UploadSource, expected_sha256: str | None) -> File:
    """Answer a repeated idempotency key: the same file, if these are the same bytes. No more is read than tells them apart."""
    if earlier.status == FileStatus.PENDING:
        raise Conflict("An upload with this idempotency key is still running.")
    other = BadUserInput("This idempotency key was used for another file.", field="idempotencyKey")
    estimate = source.size_estimate
    if estimate is not None and estimate > earlier.size_bytes + _SLACK:
        raise other
    digest, arrived = hashlib.sha256(), 0
    async for chunk in source:
        arrived += len(chunk)
        if arrived > earlier.size_bytes:
            raise other
        digest.update(chunk)
    if digest.hexdigest() != earlier.sha256:
        raise other
    if expected_sha256 not in {None, earlier.sha256}:
        raise ChecksumMismatch(expected=str(expected_sha256), actual=digest.hexdigest())
    # It may have been purged meanwhile, and what is being destroyed is nobody's answer.
    now = await File.get_or_none(id=earlier.id)
    if now is None or now.status == FileStatus.PURGING:
        raise Conflict("The file of this idempotency key has just been purged. Send it again.")
    return now


def _expected_hash(given: str | None) -> str | None:
    if given is None:
        return None
    if not _SHA256.fullmatch(given.lower()):
        raise BadUserInput("A SHA-256 has 64 hexadecimal digits.", field="sha256")
    return given.lower()


def _too_large(limits: EffectiveLimits, size_bytes: int | None) -> FileTooLarge:
    return FileTooLarge(
        size_bytes=size_bytes,
        max_file_size_bytes=limits.max_file_size_bytes,
        source=limits.max_file_size_origin.tier,
    )


def _event(kind: type[FileEvent], draft: Draft, size_bytes: int) -> FileEvent:
    return kind(
        file_id=draft.id,
        owner_id=draft.owner_id,
        group_id=draft.group_id,
        size_bytes=size_bytes,
        location=draft.location,
        file_name=draft.name,
    )
