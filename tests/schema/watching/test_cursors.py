"""Cursors: what was missed is sent first, nothing twice; and who falls behind is told where to go on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from app.errors import SlowConsumer
from app.events.bus import Draft
from app.services.news import FileEventFilter, FileNews
from schema.errors import tell
from tests.fixtures.app import Satchel
from tests.fixtures.watching import session_of, subscribed, watch
from tests.schema.watching.test_file_events import NAMES, event_of, name_of


async def test_after_replays_what_was_missed_and_then_goes_live(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        await embedded.file(name="1")
        cursor = (await event_of(watcher))["cursor"]
    await subscribed(embedded, 0)
    await embedded.file(name="2")
    await embedded.file(name="not mine", by="other_student")
    await embedded.file(name="3")

    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(NAMES, {"after": cursor})
        assert [await name_of(watcher), await name_of(watcher)] == ["2", "3"]
        await embedded.file(name="4")
        assert await name_of(watcher) == "4"


@pytest.mark.parametrize("cursor", ["", "nonsense", "0-0", "🦉", "x" * 5000, "\x00"])
async def test_what_is_no_cursor_is_bad_input(embedded: Satchel, cursor: str) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(NAMES, {"after": cursor})
        error = await watcher.error()
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("BAD_USER_INPUT", "after")


async def test_a_cursor_of_an_earlier_life_has_expired(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(NAMES, {"after": "0123456789abcdef-1"})
        assert (await watcher.error())["extensions"]["code"] == "CURSOR_EXPIRED"


def _uploaded(satchel: Satchel, name: str) -> Draft:
    owner = str(satchel.user("student").id)
    data: dict[str, Any] = {
        "file_id": owner,
        "owner_id": owner,
        "group_id": None,
        "ancestor_ids": [],
        "name": name,
        "size_bytes": 0,
    }
    return Draft("file.uploaded", satchel.clock.now(), data)


async def _names(events: AsyncGenerator[FileNews, None], seen: list[str], until: str) -> None:
    while seen[-1] != until:
        seen.append((await anext(events)).message.data["name"])


async def test_who_does_not_keep_up_is_told_where_to_resume(embedded: Satchel) -> None:
    watching, session = embedded.runtime.watching, session_of(embedded, "student")
    names = [str(number) for number in range(300)]  # more than are kept for one subscriber
    async with aclosing(watching.file_events(session, FileEventFilter(), None)) as events:
        first = asyncio.ensure_future(anext(events))
        await subscribed(embedded)
        embedded.runtime.bus.publish([_uploaded(embedded, names[0])])
        seen = [(await first).message.data["name"]]
        embedded.runtime.bus.publish([_uploaded(embedded, name) for name in names[1:]])
        with pytest.raises(SlowConsumer) as slow:
            await _names(events, seen, names[-1])
    cursor = slow.value.cursor
    assert tell(slow.value, "").extensions == {"code": "SLOW_CONSUMER", "cursor": cursor}
    assert seen[-1] != names[-1]
    async with aclosing(watching.file_events(session, FileEventFilter(), cursor)) as events:
        await _names(events, seen, names[-1])
    assert seen == names
