"""The clients that people watch with, against the running server."""

from contextlib import AbstractAsyncContextManager

import pytest

from tests.fixtures.app import Satchel
from tests.fixtures.node import Node, NodeScript
from tests.fixtures.watching import subscribed

_PATIENCE = 120


@pytest.fixture(params=["sse.js", "multipart.js", "urql-subscription.js"])
def script(request: pytest.FixtureRequest) -> str:
    """A client that watches over HTTP."""
    name: str = request.param
    return name


def watching(node: Node, satchel: Satchel, script: str, who: str) -> AbstractAsyncContextManager[NodeScript]:
    url = satchel.graphql_url
    return node.running(script, url=url, urls=[url], token=satchel.people[who].token)


async def sees(watcher: NodeScript) -> tuple[str, str]:
    """The type and the file's name of the next event."""
    event = await watcher.says(_PATIENCE)
    assert event.keys() >= {"cursor", "type", "name"}, event
    return event["type"], event["name"]


async def test_events_arrive_over_http_until_the_client_leaves(node: Node, embedded: Satchel, script: str) -> None:
    async with watching(node, embedded, script, "student") as watcher:
        await subscribed(embedded, 1)
        await embedded.file(by="stranger", name="none of your business.txt")
        file = await embedded.file(name="einß.txt")
        (await embedded.act("renameFile", file["id"], name="🎓 data: {}.txt")).ok()
        (await embedded.act("deleteFile", file["id"])).ok()

        expected = [("UPLOADED", "einß.txt"), ("RENAMED", "🎓 data: {}.txt"), ("DELETED", "🎓 data: {}.txt")]
        assert [await sees(watcher) for _ in expected] == expected
    await subscribed(embedded, 0)


async def test_who_may_not_watch_is_told_so_over_http(node: Node, embedded: Satchel, script: str) -> None:
    url = embedded.graphql_url
    async with node.running(script, url=url, urls=[url], token="worth nothing") as watcher:
        said = await watcher.says(_PATIENCE)
        assert said in ({"refused": ["UNAUTHENTICATED"]}, {"ended": "Server responded with 401: Unauthorized"})


async def test_graphql_ws_comes_again_with_a_new_token_and_misses_nothing(node: Node, embedded: Satchel) -> None:
    accounts, email = embedded.runtime.accounts, embedded.user("student").email
    async with node.running("websocket.js", urls=[embedded.graphql_url]) as watcher:
        assert await watcher.says(_PATIENCE) == {"wants": "token"}
        await watcher.tell((await accounts.token_for(email, expires_seconds=1)).token)
        await subscribed(embedded, 1)
        await embedded.file(name="before.txt")
        assert await sees(watcher) == ("UPLOADED", "before.txt")

        embedded.clock.advance(seconds=2)
        assert await watcher.says(_PATIENCE) == {"wants": "token"}
        await embedded.file(name="meanwhile.txt")
        await watcher.tell((await accounts.token_for(email)).token)
        assert await sees(watcher) == ("UPLOADED", "meanwhile.txt")

        await embedded.file(name="after.txt")
        assert await sees(watcher) == ("UPLOADED", "after.txt")


async def test_graphql_ws_does_not_come_again_after_a_logout(node: Node, embedded: Satchel) -> None:
    async with node.running("websocket.js", urls=[embedded.graphql_url]) as watcher:
        assert await watcher.says(_PATIENCE) == {"wants": "token"}
        await watcher.tell(embedded.people["student"].token)
        await subscribed(embedded, 1)

        (await embedded.graphql("mutation { logout { userId } }", by="student")).ok()

        assert await watcher.says(_PATIENCE) == {"ended": ["UNAUTHENTICATED"]}
