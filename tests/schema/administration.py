"""The administration of the directory as tests speak of it."""

from typing import Any

from app.models import (
    Assignment,
    Attachment,
    Class,
    ClassMember,
    ClassRole,
    File,
    Group,
    LimitChange,
    MemberRole,
    Membership,
    RoleLimit,
    User,
    UserLimit,
)
from tests.factories import make_class, make_class_member, make_membership, make_user
from tests.fixtures.app import Answer, Person, Satchel

_KEPT = (User, Group, Membership, Class, ClassMember, Assignment, Attachment, RoleLimit, UserLimit, LimitChange, File)
Snapshot = dict[str, list[tuple[Any, ...]]]


async def act(
    school: Satchel, mutation: str, selection: str = "__typename", *, by: str | None, **fields: Any
) -> Answer:
    """Run a mutation that takes an input."""
    kind = mutation[0].upper() + mutation[1:] + "Input"
    query = f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ {selection} }} }}"
    return await school.graphql(query, {"input": fields}, by=by)


async def refused(school: Satchel, code: str, mutation: str, *, by: str | None, **fields: Any) -> None:
    """The mutation answers with this code, and changes no row."""
    before = await snapshot()
    answer = await act(school, mutation, by=by, **fields)
    assert (answer.data, answer.codes) == ({mutation: None}, [code]), (mutation, by, fields)
    assert await snapshot() == before


async def snapshot() -> Snapshot:
    """Every row of the directory with its limits, and every file."""
    return {
        model.__name__: [
            tuple(getattr(row, column) for column in sorted(model._meta.db_fields))
            for row in await model.all().order_by(model._meta.pk_attr)
        ]
        for model in _KEPT
    }


async def sign_in(school: Satchel, who: str, user: User) -> User:
    """Let the tests act as `who`."""
    issued = await school.runtime.accounts.token_for(user.email)
    school.people[who] = Person(user, issued.token)
    return user


async def join(school: Satchel, who: str, group: str, role: MemberRole, **fields: Any) -> User:
    """One more person, with a place in a group."""
    user = await sign_in(school, who, await make_user(**fields))
    await make_membership(user, school.groups[group], role)
    return user


async def science_class(school: Satchel) -> Class:
    """A class of the department science, with the teacher and the student in it."""
    school_class = await make_class(school.groups["science"], name="Biology")
    await make_class_member(school.user("teacher"), school_class, ClassRole.TEACHER)
    await make_class_member(school.user("student"), school_class)
    return school_class
