"""Watching one process of a deployment while things happen in another, with PostgreSQL and Redis between them."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import httpx
import pytest

from app.auth import Tokens
from app.clock import SystemClock
from app.models import MemberRole, User
from tests.factories import make_group, make_membership, make_user
from tests.fixtures.app import UPLOAD
from tests.fixtures.deployment import SECRET, Deployment
from tests.fixtures.server import AppServer, Serve
from tests.fixtures.watching import PATIENCE, Watcher, watching

EVENTS = "subscription ($after: String) { fileEvents(after: $after) { cursor name type file { name } } }"
REMOVE = "mutation ($in: RemoveGroupMemberInput!) { removeGroupMember(input: $in) { group { id } } }"


def token_of(user: User, seconds: int = 3600) -> str:
    """A token that every process of the deployment takes."""
    return Tokens(SECRET.encode(), clock=SystemClock(), expires_seconds=seconds).issue(user.id, 0).token


async def send(server: AppServer, user: User, **request: Any) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE, headers={"Authorization": f"Bearer {token_of(user)}"}) as client:
        response = await client.post(server.graphql_url, **request)
    assert "errors" not in response.json(), response.text


async def upload(server: AppServer, user: User, name: str, group_id: str | None = None) -> None:
    operations = {"query": UPLOAD, "variables": {"input": {"file": None, "name": name, "groupId": group_id}}}
    data = {"operations": json.dumps(operations), "map": '{"0": ["variables.input.file"]}'}
    await send(server, user, data=data, files={"0": ("notes.txt", b"hello")})


async def event_of(watcher: Watcher) -> dict[str, Any]:
    event: dict[str, Any] = (await watcher.next())["fileEvents"]
    return event


async def listens(watcher: Watcher, server: AppServer, user: User) -> None:
    """Until something that happens in a process reaches the watcher in the other one, and all of that is heard."""
    first = asyncio.ensure_future(event_of(watcher))
    sent = 0
    while not first.done():
        sent += 1
        await upload(server, user, f"probe {sent}")
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(first), 0.2)
    event = await first
    while event["name"] != f"probe {sent}":
        event = await event_of(watcher)


@pytest.mark.requirement("R49")
async def test_what_happens_in_one_process_is_seen_in_another(deployment: Deployment, serve: Serve) -> None:
    environment = {name.upper(): value for name, value in deployment.values.items()} | {"SHUTDOWN_GRACE_SECONDS": "600"}
    here, there = await serve(environment), await serve(environment)
    system_admin, admin, student = await make_user(is_system_admin=True), await make_user(), await make_user()
    school = await make_group()
    await make_membership(admin, school, MemberRole.GROUP_ADMIN)
    await make_membership(student, school)

    async with watching(there.graphql_url, token_of(admin)) as watcher:
        await watcher.subscribe(EVENTS)
        await listens(watcher, here, admin)
        await upload(here, student, "essay", str(school.id))
        event = await event_of(watcher)
        assert (event["type"], event["file"]) == ("UPLOADED", {"name": "essay"})
        removed = {"in": {"groupId": str(school.id), "userId": str(admin.id)}}
        await send(here, system_admin, json={"query": REMOVE, "variables": removed})
        await upload(here, student, "not for them any more", str(school.id))
        await upload(here, admin, "own")
        last = await event_of(watcher)
        assert last["name"] == "own"

    await upload(there, admin, "missed")
    async with watching(here.graphql_url, token_of(admin)) as watcher:
        await watcher.subscribe(EVENTS, {"after": last["cursor"]})
        assert (await event_of(watcher))["name"] == "missed"
        await upload(there, admin, "live")
        assert (await event_of(watcher))["name"] == "live"

    async with watching(here.graphql_url, token_of(admin, seconds=6)) as watcher:
        await watcher.subscribe(EVENTS)
        assert await watcher.closed() == 4403

    await _stops_at_once(here, admin)


async def _stops_at_once(server: AppServer, user: User) -> None:
    """Although there are a socket and a stream that would go on for ever, and minutes for requests in flight."""
    headers = {"Authorization": f"Bearer {token_of(user)}", "Accept": "text/event-stream"}
    async with watching(server.graphql_url, token_of(user)) as watcher, httpx.AsyncClient(timeout=PATIENCE) as client:
        await watcher.subscribe(EVENTS)
        async with client.stream("POST", server.graphql_url, json={"query": EVENTS}, headers=headers) as stream:
            texts = stream.aiter_text()
            assert await anext(texts) == ":\n\n"
            await server.terminate(60.0)
            assert "complete" not in "".join([text async for text in texts])  # there is more, elsewhere
        assert await watcher.closed() == 1012
