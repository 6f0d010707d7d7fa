"""What has an avatar, and pictures for it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.models import Class, ClassRole, Group, User
from schema.ids import global_id
from tests.factories import make_class, make_class_member
from tests.fixtures.app import Answer, Satchel

PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n" + bytes(8),
    "image/jpeg": b"\xff\xd8\xff\xe0" + bytes(8),
    "image/gif": b"GIF89a" + bytes(8),
    "image/webp": b"RIFF\x00\x00\x00\x00WEBP" + bytes(8),
}
PNG = PICTURES["image/png"]
KINDS = ["user", "group", "class"]


@dataclass(frozen=True)
class Subject:
    """A user, a group or a class with what GraphQL calls them."""

    school: Satchel
    kind: str
    row: User | Group | Class

    @property
    def id(self) -> str:
        """The global id."""
        return global_id(self.kind.capitalize(), self.row.id)

    async def set(self, file_id: str, *, by: str | None) -> Answer:
        """Set the avatar."""
        return await self._mutate("set", by, fileId=file_id)

    async def remove(self, *, by: str | None) -> Answer:
        """Remove the avatar."""
        return await self._mutate("remove", by)

    async def shown(self, *, by: str) -> Any:
        """The name of the avatar's file as a person sees it; None when there is none."""
        query = f"query ($id: ID!) {{ node(id: $id) {{ ... on {self.kind.capitalize()} {{ avatar {{ name }} }} }} }}"
        avatar = (await self.school.graphql(query, {"id": self.id}, by=by)).ok()["node"]["avatar"]
        return None if avatar is None else avatar["name"]

    async def stored(self) -> UUID | None:
        """The id of the avatar's file in the database."""
        return (await type(self.row).get(id=self.row.id)).avatar_id

    async def _mutate(self, verb: str, by: str | None, **fields: str) -> Answer:
        name = f"{verb}{self.kind.capitalize()}Avatar"
        kind = f"{verb.capitalize()}{self.kind.capitalize()}AvatarInput"
        query = (
            f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ {self.kind} {{ id avatar {{ id name }} }} }} }}"
        )
        return await self.school.graphql(query, {"input": {f"{self.kind}Id": self.id, **fields}}, by=by)


async def subject(school: Satchel, kind: str) -> Subject:
    """The student, the school north, or a class of its department science with the teacher and the student."""
    match kind:
        case "user":
            return Subject(school, kind, school.user("student"))
        case "group":
            return Subject(school, kind, school.groups["north"])
    row = await make_class(school.groups["science"])
    await make_class_member(school.user("teacher"), row, ClassRole.TEACHER)
    await make_class_member(school.user("student"), row)
    return Subject(school, kind, row)


# Who may set and remove the avatar of each, beside system admins.
SETTER = {"user": "student", "group": "group_admin", "class": "teacher"}
