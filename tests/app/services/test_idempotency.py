"""Idempotency keys: a repeated upload is the same file, and no more (`UploadFileInput.idempotencyKey`)."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import repeat
from uuid import UUID

import pytest

from app.auth import Principal
from app.clock import FixedClock
from app.errors import BadUserInput, ChecksumMismatch, Conflict
from app.models import File, FileStatus, User
from app.runtime import Runtime
from app.services.uploads import UploadRequest
from app.storage.errors import Reason
from tests.app.services.conftest import Source
from tests.fixtures.ledger import assert_ledger_is_true, recorded

TEXT = b"To be, or not to be.\n" * 1000


@pytest.mark.requirement("R2")
async def test_a_repeated_idempotency_key_makes_no_second_file(
    runtime: Runtime, principal: Principal, user: User, clock: FixedClock
) -> None:
    request = UploadRequest(idempotency_key="homework-1")
    first = await runtime.uploads.upload(principal, request, Source([TEXT]))
    again = await runtime.uploads.upload(principal, request, Source([TEXT]))
    assert again.id == first.id
    assert await recorded(runtime.database, user.id) == (len(TEXT), 0)
    with pytest.raises(BadUserInput):
        await runtime.uploads.upload(principal, request, Source([TEXT, b"more"]))
    clock.advance(seconds=timedelta(hours=24, seconds=1).total_seconds())
    later = await runtime.uploads.upload(principal, request, Source([TEXT]))
    assert later.id != first.id


async def test_a_repeat_reads_no_more_than_tells_it_apart(runtime: Runtime, principal: Principal) -> None:
    request = UploadRequest(idempotency_key="homework-1")
    first = await runtime.uploads.upload(principal, request, Source([TEXT]))
    endless = Source(repeat(TEXT))
    with pytest.raises(BadUserInput):
        await runtime.uploads.upload(principal, request, endless)
    assert endless.pulled == 2 * len(TEXT)
    told = Source([TEXT, TEXT], size_estimate=len(TEXT) + 64 * 1024 + 1)
    with pytest.raises(BadUserInput):
        await runtime.uploads.upload(principal, request, told)
    assert told.pulled == 0
    other = UploadRequest(idempotency_key="homework-1", sha256="0" * 64)
    with pytest.raises(ChecksumMismatch):
        await runtime.uploads.upload(principal, other, Source([TEXT]))
    same = UploadRequest(idempotency_key="homework-1", sha256=hashlib.sha256(TEXT).hexdigest())
    assert (await runtime.uploads.upload(principal, same, Source([TEXT]))).id == first.id


async def test_the_key_of_a_purged_file_makes_a_new_one(runtime: Runtime, principal: Principal, user: User) -> None:
    """Also while its bytes are still there, because the store could not delete them."""
    request = UploadRequest(idempotency_key="homework-1")
    first = await runtime.uploads.upload(principal, request, Source([TEXT]))
    await runtime.files.delete(principal, first.id)
    await _purge_in_vain(runtime, principal, first.id)
    assert (await File.get(id=first.id)).status is FileStatus.PURGING
    again = await runtime.uploads.upload(principal, request, Source([TEXT]))
    assert (again.id != first.id, again.status) == (True, FileStatus.ACTIVE)
    await assert_ledger_is_true(runtime.database)


async def _purge_in_vain(runtime: Runtime, principal: Principal, file_id: UUID) -> None:
    location = runtime.storage.locations["memory"]
    location.reason = Reason.FAILED
    await runtime.files.purge(principal, file_id)
    location.reason = None


async def test_a_file_that_is_purged_during_a_repeat_is_no_answer(runtime: Runtime, principal: Principal) -> None:
    request = UploadRequest(idempotency_key="homework-1")
    first = await runtime.uploads.upload(principal, request, Source([TEXT]))

    class Meanwhile(Source):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield TEXT
            await runtime.files.delete(principal, first.id)
            await runtime.files.purge(principal, first.id)

    with pytest.raises(Conflict):
        await runtime.uploads.upload(principal, request, Meanwhile([]))


async def test_an_idempotency_key_in_use_is_a_conflict(runtime: Runtime, principal: Principal, user: User) -> None:
    request = UploadRequest(idempotency_key="homework-1")

    class Doubled(Source):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield TEXT
            with pytest.raises(Conflict):
                await runtime.uploads.upload(principal, request, Source([TEXT]))

    await runtime.uploads.upload(principal, request, Doubled([]))
    assert await recorded(runtime.database, user.id) == (len(TEXT), 0)


async def test_a_failed_upload_frees_its_idempotency_key(runtime: Runtime, principal: Principal) -> None:
    request = UploadRequest(idempotency_key="homework-1")
    with pytest.raises(ConnectionResetError):
        await runtime.uploads.upload(principal, request, Source([TEXT], breaks=ConnectionResetError()))
    assert (await runtime.uploads.upload(principal, request, Source([TEXT]))).status is FileStatus.ACTIVE
