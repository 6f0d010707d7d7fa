"""The demo district: people of every role, limits of every tier and a few files, to look around in.

Its users share one well-known password, so it is for machines where nobody else can reach the service.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise.exceptions import IntegrityError

from app.auth import Principal
from app.clock import Clock
from app.db import Database
from app.errors import Conflict
from app.models import (
    Assignment,
    Class,
    ClassMember,
    ClassRole,
    Group,
    GroupType,
    LimitChange,
    MemberRole,
    Membership,
    RoleLimit,
    User,
    UserLimit,
)
from app.passwords import Passwords
from app.services import demo_files
from app.services.demo_files import SampleFile
from app.services.uploads import UploadRequest, Uploads

PASSWORD = "satchel-demo"  # noqa: S105 - printed at every start, on purpose
SLUG = "demo-district"  # the marker: with a root group of this slug the district has been made

_MIB = 1024 * 1024
_GIB = 1024 * _MIB


@dataclass(frozen=True, slots=True)
class Person:
    """One user of the demo district."""

    key: str
    name: str
    who: str
    group: str | None = None
    role: MemberRole | None = None

    @property
    def email(self) -> str:
        """The address to sign in with. Nobody can own it: `.example` is reserved (RFC 2606)."""
        return f"{self.key}@demo.example"


PEOPLE = (
    Person("admin", "Ada Lindgren", "system admin"),
    Person("head", "Hugo Brandt", "group admin of the district", "district", MemberRole.GROUP_ADMIN),
    Person("teacher", "Tilda Moreau", "teacher of Science in North School", "science", MemberRole.TEACHER),
    Person("film", "Felix Okafor", "teacher in South School who films lessons", "south", MemberRole.TEACHER),
    Person("student", "Sana Petrov", "student in North School", "north", MemberRole.STUDENT),
    Person("pupil", "Pablo Rossi", "student in South School", "south", MemberRole.STUDENT),
)

# Group, role, bytes per file, bytes in all: students of South School keep the system defaults.
_ROLE_LIMITS = (
    ("district", MemberRole.GROUP_ADMIN, 100 * _MIB, 10 * _GIB),
    ("district", MemberRole.TEACHER, 100 * _MIB, 10 * _GIB),
    ("north", MemberRole.STUDENT, 25 * _MIB, None),
)
_FILM_LIMITS = (2 * _GIB, 20 * _GIB)

_CLASSES = {
    "biology": ("Biology 7b", "science", {"teacher": ClassRole.TEACHER, "student": ClassRole.STUDENT}),
    "drama": ("Drama club", "south", {"film": ClassRole.TEACHER, "pupil": ClassRole.STUDENT}),
}


class Demo:
    """Makes the demo district, once."""

    def __init__(self, database: Database, passwords: Passwords, uploads: Uploads, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._uploads = uploads
        self._clock = clock

    async def make(self) -> bool:
        """Make the district unless it is there; whether it was made now. Raises Conflict when one of its e-mails is
        taken by somebody else, with nothing made.
        """
        if await self._exists():
            return False
        password_hash = await self._passwords.hash(PASSWORD)
        district = _District(self._clock.now(), password_hash)
        try:
            await self._database.transaction(district.create)
        except IntegrityError as error:
            if await self._exists():
                return False  # another process was quicker
            raise Conflict("The demo district cannot be made: one of its users' e-mails is taken.") from error
        await self._upload_files()
        return True

    async def users(self) -> list[tuple[Person, User]]:
        """The district's people who are still there and active, in the order of PEOPLE."""
        found = await User.filter(email__in=[person.email for person in PEOPLE], deactivated_at=None)
        rows = {user.email: user for user in found}
        return [(person, rows[person.email]) for person in PEOPLE if person.email in rows]

    async def _exists(self) -> bool:
        return await Group.exists(slug=SLUG, parent_id=None)

    async def _upload_files(self) -> None:
        science = await Group.get(slug="science", parent__parent__slug=SLUG)
        people = {person.key: user for person, user in await self.users()}
        files: tuple[tuple[str, SampleFile, UUID | None], ...] = (
            ("teacher", demo_files.lesson_plan(), science.id),
            ("student", demo_files.photo(), None),
            ("student", demo_files.measurements(), None),
        )
        for key, file, group_id in files:
            principal = Principal(people[key].id, people[key].is_system_admin)
            await self._uploads.upload(principal, UploadRequest(group_id=group_id), file)


class _District:
    """The district's rows, all made at one moment. `create` may be repeated, each time in a new transaction."""

    def __init__(self, moment: datetime, password_hash: str) -> None:
        self._stamps: dict[str, Any] = {"created_at": moment, "updated_at": moment}
        self._moment = moment
        self._password_hash = password_hash

    async def create(self) -> None:
        groups = await self._groups()
        users = await self._users(groups)
        await self._classes(groups, users)
        await self._role_limits(groups, users["admin"])
        await self._film_limits(users["film"], users["admin"])

    async def _groups(self) -> dict[str, Group]:
        district = await self._group("Demo District", SLUG, GroupType.DISTRICT, None)
        north = await self._group("North School", "north", GroupType.SCHOOL, district)
        south = await self._group("South School", "south", GroupType.SCHOOL, district)
        science = await self._group("Science", "science", GroupType.DEPARTMENT, north)
        return {"district": district, "north": north, "south": south, "science": science}

    async def _group(self, name: str, slug: str, kind: GroupType, parent: Group | None) -> Group:
        return await Group.create(name=name, slug=slug, type=kind, parent=parent, **self._stamps)

    async def _users(self, groups: dict[str, Group]) -> dict[str, User]:
        users = {}
        for person in PEOPLE:
            user = await User.create(
                email=person.email,
                name=person.name,
                password_hash=self._password_hash,
                is_system_admin=person.role is None,
                **self._stamps,
            )
            if person.group is not None and person.role is not None:
                await Membership.create(
                    user=user, group=groups[person.group], role=person.role, created_at=self._moment
                )
            users[person.key] = user
        return users

    async def _classes(self, groups: dict[str, Group], users: dict[str, User]) -> None:
        made = {}
        for key, (name, group, members) in _CLASSES.items():
            made[key] = await Class.create(name=name, group=groups[group], **self._stamps)
            for user, role in members.items():
                await ClassMember.create(school_class=made[key], user=users[user], role=role, created_at=self._moment)
        await Assignment.create(
            title="Leaf diary", school_class=made["biology"], created_by=users["teacher"], **self._stamps
        )

    async def _role_limits(self, groups: dict[str, Group], admin: User) -> None:
        for group, role, file_size, quota in _ROLE_LIMITS:
            await RoleLimit.create(
                group=groups[group],
                role=role,
                max_file_size_bytes=file_size,
                storage_quota_bytes=quota,
                updated_at=self._moment,
            )
            await self._history(admin, file_size, quota, "Demo", group=groups[group], role=role)

    async def _film_limits(self, user: User, admin: User) -> None:
        file_size, quota = _FILM_LIMITS
        reason = "Films lessons"
        await UserLimit.create(
            user=user,
            max_file_size_bytes=file_size,
            storage_quota_bytes=quota,
            set_by=admin,
            reason=reason,
            updated_at=self._moment,
        )
        await self._history(admin, file_size, quota, reason, user=user)

    async def _history(
        self,
        admin: User,
        file_size: int | None,
        quota: int | None,
        reason: str,
        *,
        user: User | None = None,
        group: Group | None = None,
        role: MemberRole | None = None,
    ) -> None:
        await LimitChange.create(
            user=user,
            group=group,
            role=role,
            changed_by=admin,
            reason=reason,
            created_at=self._moment,
            new_max_file_size_bytes=file_size,
            new_storage_quota_bytes=quota,
        )
