"""fileEvents: what happens to files, as it happens, to those who may know."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from app.models import MemberRole, Membership, User
from app.services.news import FileEventFilter
from app.services.watching import Watching
from tests.factories import make_group, make_membership
from tests.fixtures.app import Satchel
from tests.fixtures.watching import Watcher, session_of, subscribed, watch

EVENTS = """subscription ($filter: FileEventFilter, $after: String) {
  fileEvents(filter: $filter, after: $after) { cursor type at fileId userId name sizeBytes file { id name status } }
}"""
NAMES = "subscription ($filter: FileEventFilter, $after: String) { fileEvents(filter: $filter, after: $after) { cursor name type } }"


async def event_of(watcher: Watcher, *, id: str = "1") -> dict[str, Any]:
    event: dict[str, Any] = (await watcher.next(id=id))["fileEvents"]
    return event


async def name_of(watcher: Watcher, *, id: str = "1") -> str:
    return str((await event_of(watcher, id=id))["name"])


@pytest.mark.requirement("R49")
async def test_the_life_of_a_file_is_seen_by_its_owner(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(EVENTS)
        await subscribed(embedded)
        file = await embedded.file(b"hello", name="essay.txt")
        await embedded.act("renameFile", file["id"], name="poem.txt")
        await embedded.act("deleteFile", file["id"])
        await embedded.act("restoreFile", file["id"])
        await embedded.act("deleteFile", file["id"])
        await embedded.act("purgeFile", file["id"])
        events = [await event_of(watcher) for _ in range(6)]

    me = (await embedded.graphql("{ me { id } }", by="student")).ok()["me"]["id"]
    assert [(event["type"], event["name"]) for event in events] == [
        ("UPLOADED", "essay.txt"),
        ("RENAMED", "poem.txt"),
        ("DELETED", "poem.txt"),
        ("RESTORED", "poem.txt"),
        ("DELETED", "poem.txt"),
        ("PURGED", "poem.txt"),
    ]
    assert {(event["fileId"], event["userId"], event["sizeBytes"]) for event in events} == {(file["id"], me, 5)}
    assert len({event["cursor"] for event in events}) == 6
    assert events[0]["at"].startswith(embedded.clock.now().isoformat()[:19])


async def test_the_file_of_an_event_is_the_file_as_it_is_when_it_is_told(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(EVENTS)
        await subscribed(embedded)
        file = await embedded.file(name="essay.txt")
        assert (await event_of(watcher))["file"] == {"id": file["id"], "name": "essay.txt", "status": "ACTIVE"}
        await embedded.act("deleteFile", file["id"])
        assert (await event_of(watcher))["file"]["status"] == "SOFT_DELETED"


async def test_an_upload_that_does_not_fit_is_an_event_without_a_file(embedded: Satchel) -> None:
    await embedded.graphql(
        "mutation ($user: ID!) { setUserLimits(input: {userId: $user, storageQuotaBytes: 10}) { user { id } } }",
        {"user": str(embedded.user("student").id)},
        by="system_admin",
    )
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(EVENTS, {"filter": {"types": ["QUOTA_EXCEEDED"]}})
        await subscribed(embedded)
        assert (await embedded.upload(b"x" * 11, name="big.txt")).codes == ["QUOTA_EXCEEDED"]
        event = await event_of(watcher)
    assert (event["type"], event["name"], event["fileId"], event["file"]) == ("QUOTA_EXCEEDED", "big.txt", None, None)


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    "who, seen",
    [
        ("student", ["own", "own in school"]),
        ("other_student", ["other"]),
        ("teacher", []),
        ("group_admin", ["own in school"]),
        ("stranger", []),
        ("system_admin", ["own", "own in school", "other"]),
    ],
)
async def test_everybody_is_told_of_what_they_may_see(embedded: Satchel, who: str, seen: list[str]) -> None:
    async with watch(embedded, who) as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        await embedded.file(name="own")
        await embedded.file(name="own in school", groupId=str(embedded.groups["north"].id))
        await embedded.file(name="other", by="other_student")
        await embedded.file(name="last", by=who)
        names = [await name_of(watcher) for _ in range(len(seen) + 1)]
    assert names == [*seen, "last"]


async def test_group_admins_are_told_of_groups_far_below_theirs_and_of_new_ones(embedded: Satchel) -> None:
    async with watch(embedded, "group_admin") as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        await embedded.file(name="below", by="teacher", groupId=str(embedded.groups["science"].id))
        new = await make_group(embedded.groups["north"])
        await make_membership(embedded.user("student"), new)
        await embedded.file(name="new", groupId=str(new.id))
        assert [await name_of(watcher), await name_of(watcher)] == ["below", "new"]


@pytest.mark.parametrize(
    "wanted, seen",
    [
        ({"groupId": "north"}, ["in north", "in science", "in north"]),
        ({"groupId": "science"}, ["in science"]),
        ({"userId": "teacher"}, ["in science"]),
        ({"types": ["DELETED"]}, ["in north"]),
        ({"types": []}, []),
        ({"groupId": "elsewhere"}, []),
        ({"groupId": "north", "userId": "stranger"}, []),
    ],
)
async def test_a_filter_leaves_out_what_does_not_fit(
    embedded: Satchel, wanted: dict[str, Any], seen: list[str]
) -> None:
    ids = {**{name: group.id for name, group in embedded.groups.items()}}
    ids |= {name: embedded.user(name).id for name in ("teacher", "stranger")}
    wanted = {name: str(ids[value]) if isinstance(value, str) else value for name, value in wanted.items()}
    async with watch(embedded, "system_admin") as watcher:
        await watcher.subscribe(NAMES, {"filter": wanted}, id="filtered")
        await subscribed(embedded)
        file = await embedded.file(name="in north", groupId=str(embedded.groups["north"].id))
        await embedded.file(name="in science", by="teacher", groupId=str(embedded.groups["science"].id))
        await embedded.act("deleteFile", file["id"])
        # Everything has been said when another subscription, which began later, has heard of something later.
        await watcher.subscribe(NAMES, id="all")
        await subscribed(embedded, 2)
        await embedded.file(name="last", by="stranger")
        heard: list[str] = []
        while (message := await watcher.receive())["id"] == "filtered":
            heard.append(message["payload"]["data"]["fileEvents"]["name"])
    assert heard == seen


# ---------------------------------------------------------------- rights that change meanwhile


@pytest.mark.requirement("R7")
async def test_a_membership_that_is_removed_ends_the_flow_of_its_events(embedded: Satchel) -> None:
    north = str(embedded.groups["north"].id)
    async with watch(embedded, "group_admin") as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        await embedded.file(name="before", groupId=north)
        assert await name_of(watcher) == "before"
        removed = await embedded.graphql(
            "mutation ($in: RemoveGroupMemberInput!) { removeGroupMember(input: $in) { group { id } } }",
            {"in": {"groupId": north, "userId": str(embedded.user("group_admin").id)}},
            by="system_admin",
        )
        assert not removed.errors
        await embedded.file(name="after", groupId=north)
        await embedded.file(name="own", by="group_admin")
        assert await name_of(watcher) == "own"


async def test_a_membership_that_is_given_begins_the_flow_of_its_events(embedded: Satchel) -> None:
    south = str(embedded.groups["south"].id)
    async with watch(embedded, "group_admin") as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        await embedded.file(name="before", by="other_student", groupId=south)
        await embedded.graphql(
            "mutation ($in: SetGroupMemberInput!) { setGroupMember(input: $in) { membership { role } } }",
            {"in": {"groupId": south, "userId": str(embedded.user("group_admin").id), "role": "GROUP_ADMIN"}},
            by="system_admin",
        )
        await embedded.file(name="after", by="other_student", groupId=south)
        assert await name_of(watcher) == "after"


async def test_a_group_that_moves_away_takes_its_events_along(embedded: Satchel) -> None:
    science = embedded.groups["science"]
    async with watch(embedded, "group_admin") as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        await embedded.file(name="before", by="teacher", groupId=str(science.id))
        assert await name_of(watcher) == "before"
        moved = await embedded.graphql(
            "mutation ($in: UpdateGroupInput!) { updateGroup(input: $in) { group { id } } }",
            {"in": {"id": str(science.id), "parentId": str(embedded.groups["south"].id)}},
            by="system_admin",
        )
        assert not moved.errors
        await embedded.file(name="after", by="teacher", groupId=str(science.id))
        await embedded.file(name="own", by="group_admin")
        assert await name_of(watcher) == "own"


async def test_a_right_that_was_taken_without_a_word_is_gone_after_a_while(embedded: Satchel) -> None:
    runtime, north = embedded.runtime, str(embedded.groups["north"].id)
    watching = Watching(
        runtime.database,
        runtime.bus,
        runtime.directory,
        runtime.limits,
        runtime.totals,
        runtime.clock,
        renew_seconds=-1.0,
    )
    async with aclosing(watching.file_events(session_of(embedded, "group_admin"), FileEventFilter(), None)) as events:
        news = asyncio.ensure_future(anext(events))
        await subscribed(embedded)
        await embedded.file(name="before", groupId=north)
        assert (await news).message.data["name"] == "before"
        await Membership.filter(user_id=embedded.user("group_admin").id, role=MemberRole.GROUP_ADMIN).delete()
        await embedded.file(name="after", groupId=north)
        await embedded.file(name="own", by="group_admin")
        assert (await anext(events)).message.data["name"] == "own"


async def test_a_user_who_is_deactivated_is_shut_out(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        await embedded.graphql(
            "mutation ($id: ID!) { deleteUser(input: {id: $id}) { userId } }",
            {"id": str(embedded.user("student").id)},
            by="system_admin",
        )
        assert await watcher.closed() == 4401
    await subscribed(embedded, 0)


async def test_a_logout_shuts_out_what_the_token_opened(embedded: Satchel) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        await embedded.graphql("mutation { logout { userId } }", by="student")
        assert await watcher.closed() == 4401
    await subscribed(embedded, 0)


async def test_a_system_admin_who_is_none_any_more_sees_their_own_files(embedded: Satchel) -> None:
    await User.filter(id=embedded.user("teacher").id).update(is_system_admin=True)
    async with watch(embedded, "teacher") as watcher:
        await watcher.subscribe(NAMES)
        await subscribed(embedded)
        await embedded.file(name="all")
        assert await name_of(watcher) == "all"
        await embedded.graphql(
            "mutation ($id: ID!) { updateUser(input: {id: $id, isSystemAdmin: false}) { user { id } } }",
            {"id": str(embedded.user("teacher").id)},
            by="system_admin",
        )
        await embedded.file(name="not for me")
        await embedded.file(name="own", by="teacher")
        assert await name_of(watcher) == "own"


@pytest.mark.parametrize(
    "wanted, code",
    [
        ({"groupId": "nonsense"}, "BAD_USER_INPUT"),
        ({"userId": "nonsense"}, "BAD_USER_INPUT"),
        ({"types": ["NONSENSE"]}, "BAD_USER_INPUT"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_bad_input(embedded: Satchel, wanted: Any, code: str) -> None:
    async with watch(embedded, "student") as watcher:
        await watcher.subscribe(NAMES, {"filter": wanted})
        assert (await watcher.error())["extensions"]["code"] == code


async def test_nobody_in_particular_watches_nothing(embedded: Satchel) -> None:
    async with watch(embedded, None) as watcher:
        await watcher.subscribe(NAMES)
        assert (await watcher.error())["extensions"] == {"code": "UNAUTHENTICATED", "reason": "missing"}
