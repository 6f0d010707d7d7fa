"""Pages of many parents at once: each page is what one query for one parent would give."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.db import Database
from app.errors import BadUserInput
from app.models import File, Group, User
from app.services.keyset import MOMENT, NUMBER, TEXT, Conditions, Key, Listing, containing, read_page, read_pages
from tests.factories import make_file, make_group, make_user
from tests.fixtures.statements import statements

NEWEST = Listing("newest", "files", "id", "created_at", MOMENT, parent="owner_id", ascending=False)
LARGEST = Listing("largest", "files", "id", "size_bytes", NUMBER, parent="owner_id", ascending=False)
NAMED = Listing("named", "files", "id", "name_folded", TEXT, parent="owner_id")
START = datetime(2026, 1, 1, tzinfo=UTC)


async def _owners(count: int, files: int) -> list[User]:
    owners = [await make_user() for _ in range(count)]
    for number in range(files):
        for owner in owners:
            # Every other pair has the same keys, so that ids decide; moments with and without a fraction of a second.
            step = number // 2
            moment = START + timedelta(seconds=step, microseconds=step % 2)
            await make_file(owner, name=f"{step} Å.txt", size_bytes=step, created_at=moment)
    return owners


@pytest.mark.parametrize("listing", [NEWEST, LARGEST, NAMED], ids=lambda listing: listing.name)
async def test_the_pages_of_each_parent_make_up_its_list(database: Database, listing: Listing) -> None:
    owners = [owner.id for owner in await _owners(3, 7)]
    whole = await read_pages(database, listing, File, owners, 100, None)
    for owner in owners:
        assert [len(whole[owner].items), whole[owner].has_next, whole[owner].has_previous] == [7, False, False]
        assert {file.owner_id for file in whole[owner].items} == {owner}
        walked, after = [], None
        while True:
            page = (await read_pages(database, listing, File, [owner], 2, after))[owner]
            walked += page.items
            assert page.has_previous == (after is not None)
            after = page.cursors[-1]
            if not page.has_next:
                break
        assert walked == whole[owner].items


async def test_a_list_without_parents_is_read_alike(database: Database) -> None:
    for name in ("b", "a", "C"):
        await make_group(name=name)
    listing = Listing("groups", "groups", "id", "name", TEXT)

    page = await read_page(database, listing, Group, 2, None)
    rest = await read_page(database, listing, Group, 2, page.cursors[-1])

    assert [group.name for group in [*page.items, *rest.items]] == ["C", "a", "b"]
    assert (page.has_next, rest.has_next, rest.has_previous) == (True, False, True)


async def test_a_thousand_parents_cost_as_many_statements_as_their_chunks(database: Database) -> None:
    (owner,) = await _owners(1, 3)
    parents = [uuid4() for _ in range(999)] + [owner.id]

    with statements() as sent:
        pages = await read_pages(database, NEWEST, File, parents, 100, None)

    assert len(pages) == 1000
    assert len(pages[owner.id].items) == 3
    assert [page.items for parent, page in pages.items() if parent != owner.id] == [[]] * 999
    assert len(sent) == 3


async def test_nobody_asked_for_costs_nothing(database: Database) -> None:
    with statements() as sent:
        assert await read_pages(database, NEWEST, File, [], 10, None) == {}
    assert sent == []


async def test_conditions_and_parents_and_cursors_share_their_numbers(database: Database) -> None:
    owners = [owner.id for owner in await _owners(2, 6)]
    conditions = Conditions()
    conditions.where("size_bytes >= {0} AND size_bytes <= {1}", 1, 2)
    conditions.where_in("status", ["ACTIVE", "SOFT_DELETED"])
    conditions.where("name_folded LIKE {0} ESCAPE '\\'", containing("å"))
    listing = Listing("some", "files", "id", "size_bytes", NUMBER, parent="owner_id", conditions=conditions)

    first = await read_pages(database, listing, File, owners, 3, None)
    rest = await read_pages(database, listing, File, owners, 3, first[owners[0]].cursors[-1])

    assert [[file.size_bytes for file in first[owner].items] for owner in owners] == [[1, 1, 2]] * 2
    assert [file.size_bytes for file in rest[owners[0]].items] == [2]


async def test_a_column_is_never_one_of_no_values(database: Database) -> None:
    await _owners(1, 2)
    conditions = Conditions()
    conditions.where_in("owner_id", [])

    page = await read_page(database, Listing("none", "files", "id", "name", TEXT, conditions=conditions), File, 5, None)

    assert (page.items, page.cursors, page.has_next) == ([], [], False)


@pytest.mark.parametrize("text", ["%", "_", "\\", "a%b", "100 %"])
async def test_what_stands_in_a_search_stands_for_itself(database: Database, text: str) -> None:
    await make_user(name=f"x{text}y")
    await make_user(name="xaby")
    conditions = Conditions()
    conditions.where("name LIKE {0} ESCAPE '\\'", containing(text))
    listing = Listing("users", "users", "id", "name", TEXT, conditions=conditions)

    page = await read_page(database, listing, User, 5, None)

    assert [user.name for user in page.items] == [f"x{text}y"]


@pytest.mark.parametrize(
    "key, bad",
    [
        (TEXT, [1, None, "a\x00", "\ud800", ["a"]]),
        (NUMBER, ["1", True, -1, 2**63, 1.5, None]),
        (MOMENT, ["soon", 5, None, "2026-01-01", "2026-01-01T00:00:00"]),
        (MOMENT, ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]),
    ],
    ids=["text", "number", "moment", "moment at the end of time"],
)
def test_a_key_that_was_not_given_out_is_refused(key: Key, bad: list[object]) -> None:
    for value in bad:
        with pytest.raises((ValueError, TypeError)):
            key.parse(value)


async def test_a_cursor_of_another_list_is_bad_user_input(database: Database) -> None:
    owners = [owner.id for owner in await _owners(1, 2)]
    cursor = (await read_pages(database, NEWEST, File, owners, 1, None))[owners[0]].cursors[0]
    for listing in (LARGEST, NAMED):
        with pytest.raises(BadUserInput):
            await read_pages(database, listing, File, owners, 1, cursor)
