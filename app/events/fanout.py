"""Handing one process's messages to its subscribers, each with a bounded queue of its own; and how a replay becomes live."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

from app.events.bus import GAP, CursorExpired, Message, SlowConsumer

P = TypeVar("P")


class Mailbox:
    """What waits for one subscriber, and how it ends."""

    def __init__(self, names: Collection[str], buffer: int) -> None:
        self.names = frozenset(names)
        self.given: str | None = None  # the cursor of the last message that the subscriber was given
        self.knows: Callable[[Message], bool] | None = None  # what came by replay already
        self._buffer = buffer
        self._waiting: deque[Message] = deque()
        self._end: Exception | None = None
        self._ready = asyncio.Event()

    def put(self, message: Message) -> None:
        """One more message, unless the end is decided."""
        if self._end is not None or self._is_known(message):
            return
        if len(self._waiting) < self._buffer:
            self._waiting.append(message)
        else:
            # Nothing is kept for who does not come: all of it can be had again from the cursor.
            self._waiting.clear()
            self._end = SlowConsumer(self.given)
        self._ready.set()

    def _is_known(self, message: Message) -> bool:
        if self.knows is not None and not self.knows(message):
            self.knows = None  # nor will any later one be
        return self.knows is not None

    def end(self, reason: Exception) -> None:
        """Give what is here, and then nothing but the reason. The first reason counts."""
        if self._end is None:
            self._end = reason
            self._ready.set()

    async def take(self) -> Message:
        """The next message. Raises how it ended."""
        while not self._waiting:
            if isinstance(self._end, SlowConsumer):
                raise SlowConsumer(self.given)  # what came by replay meanwhile has been given too
            if self._end is not None:
                raise self._end
            self._ready.clear()
            await self._ready.wait()
        message = self._waiting.popleft()
        self.given = message.cursor
        return message


class Fanout:
    """The mailboxes of one process, by the names that they want."""

    def __init__(self) -> None:
        self._by_name: defaultdict[str, dict[Mailbox, None]] = defaultdict(dict)
        self._all: dict[Mailbox, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, mailbox: Mailbox) -> None:
        """From the next message on."""
        self._all[mailbox] = None
        for name in mailbox.names:
            self._by_name[name][mailbox] = None

    def remove(self, mailbox: Mailbox) -> None:
        """Whether it was there or not."""
        self._all.pop(mailbox, None)
        for name in mailbox.names:
            self._by_name[name].pop(mailbox, None)

    def deliver(self, message: Message) -> None:
        """To everybody who wants it. A gap ends them all."""
        if message.name == GAP:
            self.end_all(CursorExpired())
        else:
            for mailbox in self._by_name.get(message.name, ()):
                mailbox.put(message)

    def everybody(self) -> WeakSet[Mailbox]:
        """The mailboxes of this moment."""
        return WeakSet(self._all)

    def end_all(self, reason: Exception) -> None:
        """End every subscription."""
        for mailbox in self._all:
            mailbox.end(reason)


class Log(Protocol[P]):
    """Where a replay reads."""

    async def page(self, position: P, mailbox: Mailbox) -> tuple[deque[Message], P | None]:
        """The next messages after the position that the mailbox wants, and the position after them. The position is None
        when from there on the mailbox receives what comes, or when it has ended.
        """
        ...


class Reading(Generic[P]):
    """A subscription: first what the log has after the position, page by page, then what the mailbox receives.

    A page is read when the one before it has been taken out, so a slow reader's replay waits in the log and not here. May be
    cancelled between two messages and asked again.
    """

    def __init__(self, log: Log[P], mailbox: Mailbox, position: P | None, page: Iterable[Message] = ()) -> None:
        self._log = log
        self._mailbox = mailbox
        self._position = position
        self._page = deque(page)

    def __aiter__(self) -> "Reading[P]":
        return self

    async def __anext__(self) -> Message:
        """The next message. Raises as `app.events.bus.Subscription` says."""
        while not self._page:
            if self._position is None:
                return await self._mailbox.take()
            self._page, self._position = await self._log.page(self._position, self._mailbox)
        message = self._page.popleft()
        self._mailbox.given = message.cursor
        return message


def wanted(messages: Collection[Message], mailbox: Mailbox) -> deque[Message]:
    """Those that the mailbox is for, up to a gap, which ends it."""
    found: deque[Message] = deque()
    for message in messages:
        if message.name == GAP:
            mailbox.end(CursorExpired())
            break
        if message.name in mailbox.names:
            found.append(message)
    return found
