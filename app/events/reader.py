"""Reading the stream of Redis: by one task of a process, for all of its subscribers.

That an entry is still in the stream proves that everything after it is there too, for a stream loses its oldest entries first.
So a reading begins with the entry that was the last one before: if that has gone, something may have been missed. The
reader holds to this, and so do subscribers who come back with a cursor.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakSet

import structlog
from redis.asyncio import Redis

from app.events.bus import CursorExpired, Draft
from app.events.entries import OPENED, Entry, EntryId, entries_of, written
from app.events.fanout import Fanout, Mailbox
from app.events.link import Link
from app.tasks import end_task

PAGE = 256  # entries that are read at once
_BLOCK_MS = 2000

_log = structlog.get_logger("satchel.events")


class EntryGone(Exception):
    """The entry that a reading begins with is not in the stream."""


@dataclass(frozen=True, slots=True)
class _Loss:
    """The stream was lost after `last` had been read, and began anew with `first`. `witnesses` are the subscribers of then."""

    last: EntryId
    first: EntryId
    witnesses: WeakSet[Mailbox]


class Reader:
    """Hands what comes to a fan-out. `published` is the last entry that this process has added itself.

    Redis may go and come back. When it comes back with the stream, reading goes on where it ended. When it comes back empty,
    reading begins anew, and nobody is told as long as nothing speaks for a loss: an entry whose publisher had added
    another one that was never seen here ends the subscriptions of that time, and so does a stream that is not complete.
    """

    def __init__(
        self,
        client: "Redis",
        stream: str,
        fanout: Fanout,
        link: Link,
        published: Callable[[], EntryId | None],
        *,
        max_length: int,
    ) -> None:
        self._client = client
        self._stream = stream
        self._fanout = fanout
        self._link = link
        self._published = published
        # Fewer entries than the stream keeps are all that came: to lose one of them it would have to be longer.
        self._complete_below = min(PAGE, max_length)
        self._position: EntryId | None = None
        self._certain = False  # that nothing is missing before what is read next
        self._losses: list[_Loss] = []
        self._begun = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def position(self) -> EntryId:
        """The last entry that was handed out. The first call begins the reading, and waits until Redis is there."""
        if self._task is None:
            # In a context of its own: the reading is not part of the request that happened to be the first.
            self._task = asyncio.create_task(self._work(), context=Context())
        await self._begun.wait()
        return self.reached

    @property
    def reached(self) -> EntryId:
        """The same, once the reading has begun."""
        assert self._position is not None  # noqa: S101 - it has begun
        return self._position

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            await end_task(self._task)

    async def page(self, after: EntryId) -> list[Entry]:
        """The next entries after one that must still be there; less than PAGE only at the end of the stream. Raises
        EntryGone, RedisError and OSError.
        """
        found = entries_of(await self._client.xrange(self._stream, min=str(after), count=PAGE + 1))
        if not found or found[0].id != after:
            raise EntryGone
        return found[1:]

    async def _work(self) -> None:
        while True:
            try:
                await self._step()
                self._link.works("reader")
            except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may succeed, and nobody else reads
                self._certain = False
                await self._link.failed("reader", error)

    async def _step(self) -> None:
        if self._position is None:
            self._position = await self._anchor()
            self._begun.set()
        elif self._certain:
            entries = await self._wait_for_more(self._position)
            # After a long silence, or when there is more than that, nothing is taken for complete unseen.
            self._certain = 0 < len(entries) < self._complete_below
            if self._certain:
                self._hand_out(entries)
        else:
            try:
                entries = await self.page(self._position)
            except EntryGone:
                await self._begin_anew(self._position)
            else:
                self._certain = len(entries) < PAGE
                self._hand_out(entries)

    async def _anchor(self) -> EntryId:
        """The last entry of the stream, which has one from now on."""
        newest = entries_of(await self._client.xrevrange(self._stream, count=1))
        return newest[0].id if newest else await self._open_stream()

    async def _open_stream(self) -> EntryId:
        before = self._published()
        message = written(Draft(OPENED, datetime.now(UTC), {}))
        added: Any = await self._client.xadd(self._stream, {"m": message, "p": "" if before is None else str(before)})
        return EntryId.of(added.decode())

    async def _wait_for_more(self, after: EntryId) -> list[Entry]:
        answer: Any = await self._client.xread({self._stream: str(after)}, count=PAGE, block=_BLOCK_MS)
        return entries_of(answer[0][1]) if answer else []

    async def _begin_anew(self, last: EntryId) -> None:
        """The last entry that was read has gone: with the whole stream, or because this process was away for too long."""
        newest = await self._open_stream()
        about: Any = await self._client.xinfo_stream(self._stream)
        first = EntryId.of(about["first-entry"][0].decode())
        if first > last and about["length"] == about.get("entries-added"):
            _log.warning("bus.stream_lost", subscribers=len(self._fanout))
            self._losses.append(_Loss(last, first, self._fanout.everybody()))
            self._hand_out(entries_of(await self._client.xrange(self._stream, count=PAGE)))
        else:
            _log.warning("bus.entries_missed", subscribers=len(self._fanout))
            self._fanout.end_all(CursorExpired())
            self._position = newest

    def _hand_out(self, entries: list[Entry]) -> None:
        for entry in entries:
            for loss in self._losses:
                if entry.previous is not None and loss.last < entry.previous < loss.first:
                    for mailbox in loss.witnesses:
                        mailbox.end(CursorExpired())
            self._fanout.deliver(entry.message)
            self._position = entry.id
