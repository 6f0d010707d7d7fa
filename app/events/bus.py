"""The bus: what carries messages from the process in which something happened to whoever watches, in any process.

A message is delivered at most once, in one order for everybody. Between replay and live nothing is missed and nothing comes
twice. Where something may have been missed the subscription ends with `CursorExpired`, and never goes on in silence.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from app.telemetry.tracing import Origin

GAP = "bus.gap"  # the name of the message that stands where others were dropped
DEFAULT_BUFFER = 256


class BadCursor(Exception):
    """What was given as `after` cannot be a cursor."""


class CursorExpired(Exception):
    """Of what came after the cursor, something is gone: whoever watches has to look at the database again."""


class SlowConsumer(Exception):
    """The subscriber's buffer ran over. It may go on from `cursor`, the last message it was given; None: there was none."""

    def __init__(self, cursor: str | None) -> None:
        super().__init__("the subscriber was too slow")
        self.cursor = cursor


@dataclass(frozen=True, slots=True)
class Draft:
    """A message on its way to the bus. `data` holds JSON values only; `at` is in UTC; `origin` is whose trace it belongs to."""

    name: str
    at: datetime
    data: Mapping[str, Any]
    origin: Origin | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as everybody receives it. Cursors are opaque; subscribers share `data` and must not change it.

    Events of files carry file_id, owner_id, group_id, name, size_bytes, and ancestor_ids: the groups above group_id, the
    nearest first, without itself. Ids are strings.
    """

    cursor: str
    name: str
    at: datetime
    data: Mapping[str, Any]


class Subscription(Protocol):
    """Messages in their order, until the bus is closed. One reader; it may be cancelled between two messages and go on."""

    def __aiter__(self) -> "Subscription":
        """Itself."""
        ...

    async def __anext__(self) -> Message:
        """The next message, as soon as there is one. Raises SlowConsumer when the buffer ran over, and CursorExpired when
        messages were lost on the way: then the subscription has ended.
        """
        ...


class Bus(Protocol):
    """What a process holds of the bus."""

    async def open(self) -> None:
        """Begin. Must not fail because a server is away."""
        ...

    async def close(self) -> None:
        """Send what is queued, within a bound of seconds, and end. Subscriptions end as if there were no more messages."""
        ...

    @property
    def subscribers(self) -> int:
        """How many of this process there are."""
        ...

    def publish(self, drafts: Iterable[Draft]) -> None:
        """Queue messages. Must not wait and must not raise; what does not fit into the queue is dropped, counted, and told
        to every subscriber as CursorExpired.
        """
        ...

    def subscribe(
        self, names: Collection[str], *, after: str | None = None, buffer: int = DEFAULT_BUFFER
    ) -> AbstractAsyncContextManager[Subscription]:
        """Messages of these names from now on, or from after a cursor on: as soon as it is entered nothing is missed.

        `buffer` messages are kept for a slow reader. Entering raises BadCursor, and CursorExpired when the cursor's message
        is not there any more; it waits while a server is away.
        """
        ...
