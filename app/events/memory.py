"""The bus of one process: a bounded history, and nothing to connect to."""

import re
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from secrets import token_hex

from app.events.bus import DEFAULT_BUFFER, BadCursor, CursorExpired, Draft, Message, Subscription
from app.events.fanout import Fanout, Mailbox, Reading, wanted

_PAGE = 256
_CURSOR = re.compile(r"([0-9a-f]{16})-([0-9]{1,18})")


class MemoryBus:
    """Keeps the last `history` messages for those who come back. Cursors of an earlier process have expired."""

    def __init__(self, *, history: int = 10_000) -> None:
        self._life = token_hex(8)
        self._history: deque[Message] = deque(maxlen=history)
        self._published = 0
        self._fanout = Fanout()

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """End the subscriptions."""
        self._fanout.end_all(StopAsyncIteration())

    def publish(self, drafts: Iterable[Draft]) -> None:
        """Deliver at once."""
        for draft in drafts:
            self._published += 1
            message = Message(f"{self._life}-{self._published}", draft.name, draft.at, draft.data)
            self._history.append(message)
            self._fanout.deliver(message)

    @asynccontextmanager
    async def subscribe(
        self, names: Collection[str], *, after: str | None = None, buffer: int = DEFAULT_BUFFER
    ) -> AsyncIterator[Subscription]:
        """As the protocol says."""
        mailbox = Mailbox(names, buffer)
        position = None
        if after is None:
            self._fanout.add(mailbox)
        else:
            position, mailbox.given = self._place(after), after
        try:
            yield Reading(self, mailbox, position)
        finally:
            self._fanout.remove(mailbox)

    @property
    def subscribers(self) -> int:
        """How many of this process there are."""
        return len(self._fanout)

    async def page(self, position: int, mailbox: Mailbox) -> tuple[deque[Message], int | None]:
        """Part of a replay: `app.events.fanout.Log`."""
        behind = self._published - position
        if behind > len(self._history):
            mailbox.end(CursorExpired())
            return deque(), None
        start = len(self._history) - behind
        page = list(islice(self._history, start, start + _PAGE))
        found = wanted(page, mailbox)
        if len(page) < behind:
            return found, position + len(page)
        self._fanout.add(mailbox)
        return found, None

    def _place(self, cursor: str) -> int:
        parts = _CURSOR.fullmatch(cursor)
        if parts is None:
            raise BadCursor
        first = self._published - len(self._history) + 1
        if parts[1] != self._life or not first <= int(parts[2]) <= self._published:
            raise CursorExpired
        return int(parts[2])
