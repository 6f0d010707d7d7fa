"""The factories make rows that the database accepts and a ledger that adds up (R41)."""

from collections.abc import AsyncIterator

import pytest

from app.auth import derive_key
from app.clock import SystemClock
from app.db import Database
from app.models import (
    AttachmentKind,
    ClassRole,
    File,
    FileStatus,
    GroupType,
    MemberRole,
    StorageLocation,
    UserStorage,
)
from app.storage.memory import MemoryBackend
from app.storage.storage import Storage
from app.storage.urls import UrlSigner
from tests import factories

pytestmark = pytest.mark.requirement("R41")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    database.bind()
    yield database
    await database.close()


@pytest.fixture
async def storage() -> AsyncIterator[Storage]:
    urls = UrlSigner(derive_key(b"s" * 32, "test"), "http://files.example", SystemClock())
    backend = MemoryBackend(location="memory", signer=urls)
    storage = Storage({"memory": backend}, default="memory", timeout_seconds=5)
    await storage.open({})
    yield storage
    await storage.close()


async def test_a_tree_of_groups_with_people_classes_and_assignments(database: Database) -> None:
    district = await factories.make_group()
    school = await factories.make_group(district)
    department = await factories.make_group(school)
    user = await factories.make_user(name="Ada")
    membership = await factories.make_membership(user, department, MemberRole.TEACHER)
    school_class = await factories.make_class(department)
    member = await factories.make_class_member(user, school_class, ClassRole.TEACHER)
    assignment = await factories.make_assignment(school_class, created_by=user)
    attachment = await factories.make_attachment(assignment, await factories.make_file(user), AttachmentKind.RUBRIC)

    assert [group.type for group in (district, school, department)] == list(GroupType)
    assert (membership.user_id, membership.role) == (user.id, MemberRole.TEACHER)
    assert (member.role, attachment.kind) == (ClassRole.TEACHER, AttachmentKind.RUBRIC)
    assert (assignment.created_by_id, assignment.school_class_id) == (user.id, school_class.id)
    assert (await factories.make_assignment()).school_class_id != school_class.id


async def test_limits_of_roles_and_users(database: Database) -> None:
    user, group = await factories.make_user(), await factories.make_group()
    role = await factories.make_role_limit(group, MemberRole.STUDENT, max_file_size_bytes=5)
    override = await factories.make_user_limit(user, storage_quota_bytes=7, reason="Films")
    assert (role.max_file_size_bytes, role.storage_quota_bytes) == (5, None)
    assert (override.max_file_size_bytes, override.storage_quota_bytes, override.reason) == (None, 7, "Films")


async def test_files_of_every_state_keep_the_ledger(database: Database) -> None:
    user = await factories.make_user()
    for status in FileStatus:
        await factories.make_file(user, status=status, size_bytes=100)
    await factories.make_file(user, status=FileStatus.SOFT_DELETED, size_bytes=10, charged_bytes=10)
    await factories.make_file(user, content=b"1234567")

    ledger = await UserStorage.get(user_id=user.id)

    assert ledger.used_bytes == sum(file.charged_bytes for file in await File.filter(owner_id=user.id)) == 217
    assert ledger.trash_bytes == 110


async def test_a_file_can_have_its_bytes_stored(database: Database, storage: Storage) -> None:
    group = await factories.make_group()
    file = await factories.make_file(
        group=group, name="Ünïcode.PDF", content=b"some bytes", location="memory", storage=storage
    )

    async with storage.read("memory", file.storage_key) as chunks:
        assert b"".join([bytes(chunk) async for chunk in chunks]) == b"some bytes"
    assert file.storage_key.startswith(f"{group.id}/")
    assert file.storage_key.endswith(f"/{file.id}.pdf")
    assert file.name_folded == "ünïcode.pdf"
    assert await StorageLocation.all().count() == 1
