"""Answers for many are what each would have been told alone, and nobody shares in what is not theirs."""

import gc
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from graphql import parse

from app.models import Alert, MemberRole
from schema.documents import Documents
from schema.schema import SatchelSchema
from schema.sharing import TABLES, Reach, plan_of
from schema.subscribing import Subscriptions
from tests.factories import make_membership
from tests.fixtures.app import Satchel
from tests.fixtures.ears import Ear
from tests.fixtures.watching import Watcher, subscribed, watch
from tests.schema.watching.test_operations import raise_alert

SCHEMA = SatchelSchema()
EVENT = "cursor type at fileId userId name sizeBytes"
FILE = " ".join(sorted(TABLES[Reach.SAME_REASON]["File"] - {"uploadedBy"}))
USER = " ".join(sorted(TABLES[Reach.SAME_REASON]["User"]))
HELD = f"{EVENT} file {{ {FILE} uploadedBy {{ {USER} }} }}"
ADMINS = "file { storageKey purgeAttempts purgeLastError purgeNextAttemptAt group { id uuid name slug type parent { id } } uploadedBy { email } }"
SIGNED = "name file { signedUrl { url } }"
MEMBERSHIPS = "name file { uploadedBy { memberships { group { id } } } }"  # in groups that the viewer may see


def reach_of(selection: str, head: str = "subscription") -> Reach:
    document = parse(f"{head} {{ fileEvents {{ {selection} }} }}" if "{" not in head else head)
    [operation] = [node for node in document.definitions if node.kind == "operation_definition"]
    return plan_of(SCHEMA._schema, document, operation).reach  # type: ignore[arg-type]  # the kind says which it is


@pytest.mark.parametrize(
    "selection, reach",
    [
        (EVENT, Reach.EVERYBODY),
        ("__typename name", Reach.EVERYBODY),
        (HELD, Reach.SAME_REASON),
        ("... on FileEvent { file { name } }", Reach.SAME_REASON),
        (ADMINS, Reach.SYSTEM_ADMINS),
        (SIGNED, Reach.NOBODY),
        ("file { uploadedBy { quota { usedBytes } } }", Reach.NOBODY),
        ("file { uploadedBy { memberships { role } } }", Reach.NOBODY),
    ],
)
def test_what_is_selected_says_who_may_share(selection: str, reach: Reach) -> None:
    assert reach_of(selection) is reach


def test_fragments_are_looked_into() -> None:
    document = """subscription { fileEvents { ...A } }
      fragment A on FileEvent { name file { ...B } } fragment B on File { name signedUrl { url } }"""
    parsed = parse(document)
    assert plan_of(SCHEMA._schema, parsed, parsed.definitions[0]).reach is Reach.NOBODY  # type: ignore[arg-type]  # an operation


def test_every_field_of_the_tables_is_in_the_schema() -> None:
    for fields in TABLES.values():
        for kind, names in fields.items():
            assert names <= set(SCHEMA._schema.type_map[kind].fields), kind  # type: ignore[attr-defined]  # an object type


def test_only_variables_below_the_root_field_make_answers_differ() -> None:
    query = """subscription ($after: String, $filter: FileEventFilter, $with: Boolean!) {
      fileEvents(after: $after, filter: $filter) { name file @include(if: $with) { name } } }"""
    parsed = parse(query)
    assert plan_of(SCHEMA._schema, parsed, parsed.definitions[0]).variables == {"with"}  # type: ignore[arg-type]  # an operation


def test_the_plan_of_a_subscription_lives_no_longer_than_its_document() -> None:
    schema = SatchelSchema()
    subscriptions = Subscriptions(schema._schema)
    (operation,) = schema.documents.prepare("subscription { fileEvents { cursor } }").operations
    assert subscriptions._plan(operation) is subscriptions._plan(operation)
    assert len(subscriptions._plans) == 1
    del operation
    schema.documents = Documents(schema._schema)
    gc.collect()
    assert len(subscriptions._plans) == 0


async def _play(satchel: Satchel) -> None:
    north = str(satchel.groups["north"].id)
    own = await satchel.file(b"own", name="own")
    shared = await satchel.file(b"shared", name="shared", groupId=north)
    await satchel.file(b"other", name="other", by="other_student")
    await satchel.act("renameFile", shared["id"], name="renamed", by="group_admin")
    await satchel.act("deleteFile", own["id"])
    for who in satchel.people:
        await satchel.file(b"last", name=f"last of {who}", by=who)


def _plain(text: str) -> str:
    """Without what differs from one signed URL to the next."""
    return re.sub(r'"url":"[^"]*"', '"url":""', text)


@pytest.mark.parametrize("selection", [EVENT, HELD, f"{HELD} {ADMINS}", SIGNED, MEMBERSHIPS])
async def test_the_shared_way_tells_what_the_other_way_tells(embedded: Satchel, selection: str) -> None:
    # Two admins of one group, two system admins, owners: some who share, and some who must not.
    # One of the admins sees more of the student than the other.
    await make_membership(embedded.user("teacher"), embedded.groups["north"], MemberRole.GROUP_ADMIN)
    await make_membership(embedded.user("teacher"), embedded.groups["elsewhere"], MemberRole.GROUP_ADMIN)
    await make_membership(embedded.user("student"), embedded.groups["elsewhere"])
    alone = SatchelSchema()
    alone.subscriptions = Subscriptions(alone._schema, shared=False)
    query = f"subscription {{ fileEvents {{ {selection} name }} }}"
    everybody = (*embedded.people, "system_admin", "group_admin")
    pairs = [(Ear(embedded, SCHEMA, who, query), Ear(embedded, alone, who, query)) for who in everybody]
    ears = [ear for pair in pairs for ear in pair]
    try:
        for ear in ears:
            ear.begin()
        await subscribed(embedded, len(ears))
        await _play(embedded)
        for ear in ears:
            await ear.until(
                f"last of {list(embedded.people)[-1]}" if ear.who == "system_admin" else f"last of {ear.who}"
            )
    finally:
        for ear in ears:
            await ear.close()
    for together, apart in pairs:
        assert [_plain(text) for text in together.texts] == [_plain(text) for text in apart.texts]
        assert together.error is apart.error is None


FILES = "subscription ($after: String) { fileEvents(after: $after) { cursor file { name } } }"
ALERTS = (
    "subscription ($after: String) { alertRaised(after: $after) { cursor alert { message acknowledgedBy { name } } } }"
)


@asynccontextmanager
async def _three_admins(satchel: Satchel, query: str) -> AsyncGenerator[list[Watcher], None]:
    """Two who watch and are told the same, and one who comes later."""
    async with AsyncExitStack() as stack:
        admins = [await stack.enter_async_context(watch(satchel, "system_admin")) for _ in range(3)]
        for admin in admins[:2]:
            await admin.subscribe(query)
        await subscribed(satchel, 2)
        yield admins


async def test_a_replay_tells_how_a_file_is_now(embedded: Satchel) -> None:
    """And not what was told to others when it happened."""
    async with _three_admins(embedded, FILES) as (first, second, later):
        await embedded.file(b"before", name="before")
        start = (await first.next())["fileEvents"]["cursor"]
        await second.next()
        file = await embedded.file(b"film", name="film")
        for admin in (first, second):
            assert (await admin.next())["fileEvents"]["file"] == {"name": "film"}
        await embedded.act("renameFile", file["id"], name="renamed")
        embedded.clock.advance(seconds=1)
        await later.subscribe(FILES, {"after": start})
        assert (await later.next())["fileEvents"]["file"] == {"name": "renamed"}


async def test_a_replay_tells_how_an_alert_is_now(embedded: Satchel) -> None:
    async with _three_admins(embedded, ALERTS) as (first, second, later):
        for message in ("first", "second"):
            await raise_alert(embedded, message)
        start = (await first.next())["alertRaised"]["cursor"]
        await second.next()
        for admin in (first, second):
            assert (await admin.next())["alertRaised"]["alert"] == {"message": "second", "acknowledgedBy": None}
        acknowledge = "mutation ($id: ID!) { acknowledgeAlert(input: {id: $id}) { alert { id } } }"
        alert = await Alert.get(message="second")
        (await embedded.graphql(acknowledge, {"id": str(alert.id)}, by="system_admin")).ok()
        embedded.clock.advance(seconds=1)
        await later.subscribe(ALERTS, {"after": start})
        name = embedded.user("system_admin").name
        assert (await later.next())["alertRaised"]["alert"]["acknowledgedBy"] == {"name": name}
