"""The bus of a deployment of several processes: one stream in Redis, capped in its length."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from functools import partial

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from app.events.bus import DEFAULT_BUFFER, CursorExpired, Draft, Message, Subscription
from app.events.entries import Entry, EntryId
from app.events.fanout import Fanout, Mailbox, Reading, wanted
from app.events.link import Link
from app.events.reader import PAGE, EntryGone, Reader
from app.events.writer import Writer
from app.redis_errors import redis_away
from app.telemetry.metrics import Metrics

STREAM = "satchel:events"
_ANSWER_SECONDS = 5.0  # a Redis that is silent for longer is away; more than a reader waits for entries
_CONNECT_SECONDS = 2.0
_AGAIN_SECONDS = 0.5


class RedisBus:
    """`max_length` is about how many messages are kept for those who come back. Redis is asked when it is needed first: a
    process that publishes nothing and watches nothing has no connection.
    """

    def __init__(self, url: str, metrics: Metrics, *, max_length: int, stream: str = STREAM) -> None:
        self._client: Redis = Redis.from_url(
            url,
            protocol=2,  # in which an answer has the same form in every version of the client
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_CONNECT_SECONDS,
            # A connection from before Redis was restarted is found dead by its first command: a second attempt makes a new one.
            retry=Retry(ConstantBackoff(0.01), 1),
        )
        self._fanout = Fanout()
        link = Link()
        self._writer = Writer(self._client, stream, max_length, link, metrics)
        self._reader = Reader(
            self._client, stream, self._fanout, link, lambda: self._writer.last, max_length=max_length
        )

    async def open(self) -> None:
        """Begin to publish what is put in."""
        self._writer.open()

    async def close(self) -> None:
        """Publish what is queued, if Redis is there, and end the subscriptions."""
        await self._writer.close()
        await self._reader.close()
        self._fanout.end_all(StopAsyncIteration())
        await self._client.aclose()

    def publish(self, drafts: Iterable[Draft]) -> None:
        """As the protocol says."""
        self._writer.queue.put(list(drafts))

    @property
    def subscribers(self) -> int:
        """How many of this process there are."""
        return len(self._fanout)

    @asynccontextmanager
    async def subscribe(
        self, names: Collection[str], *, after: str | None = None, buffer: int = DEFAULT_BUFFER
    ) -> AsyncIterator[Subscription]:
        """As the protocol says."""
        mailbox = Mailbox(names, buffer)
        start = None if after is None else EntryId.of(after)
        await self._reader.position()
        try:
            if start is None:
                self._fanout.add(mailbox)
                yield Reading(self, mailbox, None)
            else:
                mailbox.given = after
                try:
                    found, position = await self._read(start, mailbox)
                except EntryGone:
                    raise CursorExpired from None
                yield Reading(self, mailbox, position, found)
        finally:
            self._fanout.remove(mailbox)

    async def page(self, position: EntryId, mailbox: Mailbox) -> tuple[deque[Message], EntryId | None]:
        """Part of a replay: `app.events.fanout.Log`."""
        try:
            return await self._read(position, mailbox)
        except EntryGone:
            mailbox.end(CursorExpired())
            return deque(), None

    async def _read(self, position: EntryId, mailbox: Mailbox) -> tuple[deque[Message], EntryId | None]:
        """The next messages, and where to go on; None from where the reader delivers. Waits while Redis is away. Raises
        EntryGone.
        """
        handed_out = self._reader.reached
        entries = await self._patiently(position)
        found = wanted([entry.message for entry in entries], mailbox)
        last = entries[-1].id if entries else position
        # What is not a full page is all there was, and at least what the reader had handed out when it was asked for.
        known = last if len(entries) == PAGE else max(last, handed_out)
        if self._reader.reached > known:
            return found, last
        # No await from here on: the next message that the reader hands out, from `known` on, is this subscriber's too.
        mailbox.knows = partial(_is_until, known)
        self._fanout.add(mailbox)
        return found, None

    async def _patiently(self, position: EntryId) -> list[Entry]:
        while True:
            try:
                return await self._reader.page(position)
            except redis_away():
                await asyncio.sleep(_AGAIN_SECONDS)  # the reader has noticed, and logs it


def _is_until(last: EntryId, message: Message) -> bool:
    return EntryId.of(message.cursor) <= last
