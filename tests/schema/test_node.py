"""`node`: any object by its global id, for those who may see it."""

from uuid import UUID, uuid4

import pytest

from schema.ids import global_id
from tests.fixtures.app import Answer, Satchel

QUERY = """query ($id: ID!) { node(id: $id) { __typename id
  ... on File { name status } ... on User { name email } ... on Group { name slug type parent { name } }
} }"""


async def _node(satchel: Satchel, kind: str, identifier: UUID, who: str = "student") -> Answer:
    return await satchel.graphql(QUERY, {"id": global_id(kind, identifier)}, by=who)


async def test_a_file_is_found_by_its_owner_in_any_state(satchel: Satchel) -> None:
    file = await satchel.file(name="mine.txt")
    found = {"__typename": "File", "id": file["id"], "name": "mine.txt", "status": "ACTIVE"}

    assert (await satchel.graphql(QUERY, {"id": file["id"]}, by="student")).ok() == {"node": found}
    (await satchel.act("deleteFile", file["id"])).ok()
    trashed = (await satchel.graphql(QUERY, {"id": file["id"]}, by="student")).ok()
    assert trashed == {"node": found | {"status": "SOFT_DELETED"}}


async def test_a_user_is_found_by_people_of_the_same_tree_and_by_system_admins(satchel: Satchel) -> None:
    teacher = satchel.user("teacher")

    for who, email in (("teacher", True), ("group_admin", True), ("system_admin", True), ("other_student", False)):
        answer = await _node(satchel, "User", teacher.id, who)
        assert answer.data["node"] == {
            "__typename": "User",
            "id": global_id("User", teacher.id),
            "name": teacher.name,
            "email": teacher.email if email else None,
        }
        assert answer.codes == ([] if email else ["FORBIDDEN"])
    hidden = await _node(satchel, "User", teacher.id, "stranger")
    assert (hidden.data, hidden.codes) == ({"node": None}, ["NOT_FOUND"])


async def test_a_group_is_found_by_people_of_the_same_tree_and_by_system_admins(satchel: Satchel) -> None:
    science = satchel.groups["science"]

    for who in ("teacher", "other_student", "system_admin"):
        assert (await _node(satchel, "Group", science.id, who)).ok()["node"] == {
            "__typename": "Group",
            "id": global_id("Group", science.id),
            "name": science.name,
            "slug": science.slug,
            "type": "DEPARTMENT",
            "parent": {"name": satchel.groups["north"].name},
        }
    hidden = await _node(satchel, "Group", science.id, "stranger")
    assert (hidden.data, hidden.codes) == ({"node": None}, ["NOT_FOUND"])
    assert (await _node(satchel, "Group", satchel.groups["district"].id)).ok()["node"]["parent"] is None


@pytest.mark.parametrize("kind", ["File", "User", "Group", "Class", "Nothing"])
async def test_what_is_not_there_is_not_found(embedded: Satchel, kind: str) -> None:
    for who in ("student", "system_admin"):
        answer = await _node(embedded, kind, uuid4(), who)
        assert (answer.data, answer.codes) == ({"node": None}, ["NOT_FOUND"])


async def test_a_bare_uuid_and_garbage_are_bad_user_input(embedded: Satchel) -> None:
    for identifier in (str(embedded.user("student").id), "nonsense", ""):
        answer = await embedded.graphql(QUERY, {"id": identifier}, by="student")
        assert (answer.data, answer.codes) == ({"node": None}, ["BAD_USER_INPUT"])


async def test_without_a_token_nothing_is_looked_for(embedded: Satchel) -> None:
    identifier = global_id("User", embedded.user("student").id)

    assert (await embedded.graphql(QUERY, {"id": identifier})).codes == ["UNAUTHENTICATED"]
    unknown = global_id("Nothing", embedded.user("student").id)
    assert (await embedded.graphql(QUERY, {"id": unknown})).codes == ["UNAUTHENTICATED"]
