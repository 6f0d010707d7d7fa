"""Hearing what an application says on its bus and in its log."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
import structlog

from app.events import LimitsChanged
from app.events.bus import Message, Subscription
from app.telemetry.logs import configure_logging
from tests.app.events.test_table import TOPICS
from tests.fixtures.app import Satchel
from tests.fixtures.events import next_of


@dataclass
class Ear:
    """Hears the bus of an application."""

    satchel: Satchel
    subscription: Subscription

    async def heard(self) -> list[Message]:
        """What has been said since the last time. An event of our own tells where that ends."""
        mark = uuid4()
        self.satchel.runtime.events.emit(LimitsChanged(user_id=mark))
        messages: list[Message] = []
        while (message := await next_of(self.subscription)).data.get("user_id") != str(mark):
            messages.append(message)
        return messages

    async def after(self, mutation: str, *, by: str, **fields: Any) -> list[tuple[str, Any]]:
        """What a mutation said: names, and whom it was about."""
        await self.heard()
        kind = mutation[0].upper() + mutation[1:] + "Input"
        query = f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ __typename }} }}"
        (await self.satchel.graphql(query, {"input": fields}, by=by)).ok()
        return [(message.name, message.data["user_id"] or message.data["group_id"]) for message in await self.heard()]


@pytest.fixture
async def ear(embedded: Satchel) -> AsyncIterator[Ear]:
    async with listening(embedded) as ear:
        yield ear


@asynccontextmanager
async def listening(satchel: Satchel) -> AsyncIterator[Ear]:
    async with satchel.runtime.bus.subscribe(TOPICS, buffer=5000) as subscription:
        yield Ear(satchel, subscription)


@pytest.fixture
def log() -> Iterator[StringIO]:
    """The log as JSON, as a process without a terminal writes it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = StringIO()
    configure_logging("info", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines_of(log: StringIO, *events: str) -> list[dict[str, Any]]:
    """The lines about these events."""
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["event"] in events]
