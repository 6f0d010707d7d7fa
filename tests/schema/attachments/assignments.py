"""An assignment, and what is done with its attachments."""

from dataclasses import dataclass
from typing import Any

from app.models import Assignment, Attachment, Class, ClassRole
from schema.ids import global_id
from tests.factories import make_assignment, make_class, make_class_member
from tests.fixtures.app import Answer, Satchel

FIELDS = "title attachments { kind createdAt file { id name } }"
ADD = f"""mutation ($input: AddAssignmentAttachmentInput!) {{ addAssignmentAttachment(input: $input) {{
  assignment {{ {FIELDS} }} attachment {{ kind createdAt file {{ id name }} }}
}} }}"""
REMOVE = f"""mutation ($input: RemoveAssignmentAttachmentInput!) {{
  removeAssignmentAttachment(input: $input) {{ assignment {{ {FIELDS} }} }}
}}"""
SHOW = f"query ($id: ID!) {{ node(id: $id) {{ ... on Assignment {{ {FIELDS} }} }} }}"


@dataclass(frozen=True)
class Work:
    """An assignment of a class of the department science, with the teacher and the student."""

    school: Satchel
    school_class: Class
    row: Assignment

    @property
    def id(self) -> str:
        """The global id."""
        return global_id("Assignment", self.row.id)

    async def add(self, file_id: str, *, by: str | None = "teacher", **fields: Any) -> Answer:
        """Attach a file."""
        variables = {"input": {"assignmentId": self.id, "fileId": file_id, **fields}}
        return await self.school.graphql(ADD, variables, by=by)

    async def remove(self, file_id: str, *, by: str | None = "teacher") -> Answer:
        """Detach a file."""
        return await self.school.graphql(REMOVE, {"input": {"assignmentId": self.id, "fileId": file_id}}, by=by)

    async def shown(self, *, by: str = "student") -> list[str]:
        """The names of the attached files as a person sees them, in order."""
        assignment = (await self.school.graphql(SHOW, {"id": self.id}, by=by)).ok()["node"]
        return [attachment["file"]["name"] for attachment in assignment["attachments"]]

    async def stored(self) -> int:
        """How many attachments there are in the database, hidden ones included."""
        return await Attachment.filter(assignment=self.row).count()


async def make_work(school: Satchel) -> Work:
    """A new class with a new assignment."""
    row = await make_class(school.groups["science"])
    await make_class_member(school.user("teacher"), row, ClassRole.TEACHER)
    await make_class_member(school.user("student"), row)
    return Work(school, row, await make_assignment(row))
