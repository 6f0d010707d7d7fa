"""R7: groups move with all that is below them; a tree stays a tree, also when many move at once."""

import asyncio

import pytest

from app.models import ClassMember, Group, GroupType, MemberRole
from schema.ids import global_id
from tests.factories import make_class, make_class_member, make_group, make_membership
from tests.fixtures.app import Answer, Satchel
from tests.schema.administration import act, join, refused, science_class


def _id(group: Group) -> str:
    return global_id("Group", group.id)


async def _move(school: Satchel, group: Group, parent: Group | None, *, by: str = "system_admin") -> Answer:
    parent_id = None if parent is None else _id(parent)
    return await act(school, "updateGroup", "group { parent { id } }", by=by, id=_id(group), parentId=parent_id)


@pytest.mark.requirement("R7")
async def test_a_group_moves_with_its_classes_and_their_members(school: Satchel) -> None:
    await join(school, "district_admin", "district", MemberRole.GROUP_ADMIN)
    south, science = school.groups["south"], school.groups["science"]
    await science_class(school)

    moved = await _move(school, science, south, by="district_admin")

    assert moved.ok() == {"updateGroup": {"group": {"parent": {"id": _id(south)}}}}
    # Still in the district, so still in the class.
    assert await ClassMember.all().count() == 2
    assert (
        await school.graphql(
            f'{{ group(id: "{_id(science)}") {{ members {{ nodes {{ role }} }} }} }}', by="group_admin"
        )
    ).codes == ["FORBIDDEN"]


@pytest.mark.requirement("R7")
async def test_system_admins_make_roots_of_groups_and_put_them_below_others_again(school: Satchel) -> None:
    north, district = school.groups["north"], school.groups["district"]

    assert (await _move(school, north, None)).ok() == {"updateGroup": {"group": {"parent": None}}}
    answer = await school.graphql("{ groups { nodes { id } } }", by="student")
    assert answer.ok() == {"groups": {"nodes": [{"id": _id(north)}]}}
    assert (await _move(school, north, district)).ok()["updateGroup"]["group"]["parent"] == {"id": _id(district)}


@pytest.mark.requirement("R7")
async def test_who_is_in_another_tree_by_a_move_is_in_no_class_of_the_one_that_was_left(school: Satchel) -> None:
    north, south = school.groups["north"], school.groups["south"]
    in_south, in_science = await make_class(south), await make_class(school.groups["science"])
    both = await join(school, "both", "south", MemberRole.STUDENT)
    await make_membership(both, north)
    for user in (school.user("student"), school.user("other_student"), both):
        for school_class in (in_south, in_science):
            await make_class_member(user, school_class)
    foreign = await Group.get(id=school.groups["elsewhere"].parent_id)

    (await _move(school, north, foreign)).ok()

    left = {(row.user_id, row.school_class_id) for row in await ClassMember.all()}
    assert left == {
        (school.user("student").id, in_science.id),
        (school.user("other_student").id, in_south.id),
        (both.id, in_science.id),
        (both.id, in_south.id),
    }


@pytest.mark.requirement("R7")
async def test_a_move_takes_admins_of_both_the_groups_above(school: Satchel) -> None:
    north, south, science = (school.groups[name] for name in ("north", "south", "science"))
    elsewhere = school.groups["elsewhere"]
    await join(school, "south_admin", "south", MemberRole.GROUP_ADMIN)
    await join(school, "science_admin", "science", MemberRole.GROUP_ADMIN)
    await join(school, "district_admin", "district", MemberRole.GROUP_ADMIN)

    for who, group, parent, code in (
        ("group_admin", science, south, "FORBIDDEN"),
        ("group_admin", science, elsewhere, "NOT_FOUND"),
        ("group_admin", science, None, "FORBIDDEN"),
        ("group_admin", north, None, "FORBIDDEN"),
        ("south_admin", science, south, "FORBIDDEN"),
        ("south_admin", elsewhere, south, "NOT_FOUND"),
        ("science_admin", science, south, "FORBIDDEN"),
        ("district_admin", school.groups["district"], elsewhere, "FORBIDDEN"),
        ("teacher", science, south, "FORBIDDEN"),
    ):
        parent_id = None if parent is None else _id(parent)
        await refused(school, code, "updateGroup", by=who, id=_id(group), parentId=parent_id)


@pytest.mark.requirement("R7")
async def test_a_group_stands_below_larger_ones_only(school: Satchel) -> None:
    north, south, district = (school.groups[name] for name in ("north", "south", "district"))
    for group, parent in ((north, north), (north, south), (north, school.groups["science"]), (district, south)):
        await refused(school, "BAD_USER_INPUT", "updateGroup", by="system_admin", id=_id(group), parentId=_id(parent))
    absent = global_id("Group", school.user("student").id)
    await refused(school, "NOT_FOUND", "updateGroup", by="system_admin", id=_id(north), parentId=absent)


@pytest.mark.requirement("R7")
async def test_a_rename_and_a_move_are_one_change(school: Satchel) -> None:
    south, science = school.groups["south"], school.groups["science"]
    await make_group(south, slug="physics")
    move = {"id": _id(science), "parentId": _id(south)}
    await refused(school, "CONFLICT", "updateGroup", by="system_admin", slug="physics", name="Physics", **move)

    answer = await act(school, "updateGroup", "group { name slug }", by="system_admin", slug="optics", name="O", **move)

    assert answer.ok() == {"updateGroup": {"group": {"name": "O", "slug": "optics"}}}
    assert (await Group.get(id=science.id)).parent_id == south.id


@pytest.mark.requirement("R7")
async def test_groups_that_move_below_each_other_at_once_never_make_a_cycle(school: Satchel) -> None:
    """The levels forbid it; so these were written by hand with levels that do not: each move is right, all are a cycle."""
    tops = [await make_group(type=GroupType.DEPARTMENT) for _ in range(3)]
    feet = [await make_group(top, type=GroupType.DISTRICT) for top in tops]
    for _ in range(5):
        answers = await asyncio.gather(*(_move(school, tops[number], feet[(number + 1) % 3]) for number in range(3)))
        assert [answer.codes for answer in answers].count([]) == 2
        assert [answer.codes for answer in answers].count(["CONFLICT"]) == 1
        await _assert_a_forest()
        await Group.filter(id__in=[top.id for top in tops]).update(parent_id=None)


async def _assert_a_forest() -> None:
    parents = {group.id: group.parent_id for group in await Group.all()}
    for parent in parents.values():
        seen, place = set(), parent
        while place is not None:
            assert place not in seen, "a cycle"
            seen.add(place)
            place = parents[place]
