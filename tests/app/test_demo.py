"""The demo district: whole, made once, with limits of every tier and files that open."""

import asyncio
import re
import struct
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.errors import Conflict
from app.models import (
    Assignment,
    Class,
    ClassMember,
    ClassRole,
    File,
    Group,
    GroupType,
    LimitChange,
    MemberRole,
    Membership,
    User,
    UserStorage,
)
from app.runtime import Runtime, open_runtime
from app.services.demo import PASSWORD, PEOPLE, Demo
from app.services.limits import LimitSource
from app.settings import Settings
from tests.factories import make_user

MIB = 1024 * 1024


@pytest.fixture
async def runtime(database_url: str, tmp_path: Path) -> AsyncIterator[Runtime]:
    settings = Settings.load(
        database_url=database_url, data_dir=tmp_path, storage_backend="memory", secret_key="s" * 32
    )
    async with open_runtime(settings) as opened:
        opened.database.bind()
        yield opened


@pytest.fixture
def demo(runtime: Runtime) -> Demo:
    return Demo(runtime.database, runtime.passwords, runtime.uploads, runtime.clock)


async def counts() -> list[int]:
    models = (User, Group, Membership, Class, ClassMember, Assignment, LimitChange, File)
    return [await model.all().count() for model in models]


async def test_the_district_has_everything_there_is_to_look_at(demo: Demo) -> None:
    assert await demo.make() is True

    types = [group.type for group in await Group.all()]
    assert {kind: types.count(kind) for kind in GroupType} == {
        GroupType.DISTRICT: 1,
        GroupType.SCHOOL: 2,
        GroupType.DEPARTMENT: 1,
    }
    assert {member.role for member in await Membership.all()} == set(MemberRole)
    assert {member.role for member in await ClassMember.all()} == set(ClassRole)
    assert await Class.all().count() == 2
    assert await Assignment.all().count() == 1
    assert [user.email for user in await User.filter(is_system_admin=True)] == ["admin@demo.example"]


@pytest.mark.requirement("R8")
async def test_the_users_show_the_three_tiers(runtime: Runtime, demo: Demo) -> None:
    await demo.make()
    users = {person.key: user for person, user in await demo.users()}
    limits = await runtime.limits.effective_many([user.id for user in users.values()])
    shown = {
        key: (
            limits[user.id].max_file_size_bytes // MIB,
            limits[user.id].max_file_size_origin.tier,
            limits[user.id].storage_quota_bytes // MIB,
            limits[user.id].storage_quota_origin.tier,
        )
        for key, user in users.items()
    }
    default, role, override = LimitSource
    assert shown == {
        "admin": (10, default, 1024, default),
        "head": (100, role, 10_240, role),
        "teacher": (100, role, 10_240, role),
        "film": (2048, override, 20_480, override),
        "student": (25, role, 1024, default),
        "pupil": (10, default, 1024, default),
    }
    assert await LimitChange.all().count() == 4


async def test_everybody_can_sign_in_with_the_printed_password(runtime: Runtime, demo: Demo) -> None:
    await demo.make()
    assert [person for person, _ in await demo.users()] == list(PEOPLE)
    for person, user in await demo.users():
        assert (await runtime.accounts.login(person.email, PASSWORD)).user.id == user.id


async def test_who_was_deactivated_is_not_shown(demo: Demo) -> None:
    await demo.make()
    await User.filter(email="pupil@demo.example").update(deactivated_at=datetime.now(UTC))
    assert [person.key for person, _ in await demo.users()] == ["admin", "head", "teacher", "film", "student"]


async def test_it_is_made_once(demo: Demo) -> None:
    await demo.make()
    before = await counts()
    assert await demo.make() is False
    assert await counts() == before


async def test_of_starts_at_the_same_moment_one_makes_it(demo: Demo) -> None:
    assert sorted(await asyncio.gather(*(demo.make() for _ in range(3)))) == [False, False, True]
    assert (await counts())[:2] == [len(PEOPLE), 4]


async def test_it_is_not_made_when_an_email_is_taken(demo: Demo) -> None:
    await make_user(email="pupil@demo.example")
    with pytest.raises(Conflict, match="e-mails is taken"):
        await demo.make()
    assert await counts() == [1, 0, 0, 0, 0, 0, 0, 0]


async def test_its_files_are_real_and_charged_to_their_owners(runtime: Runtime, demo: Demo) -> None:
    await demo.make()
    files = {file.name: file for file in await File.all()}
    assert {name: file.mime_type for name, file in files.items()} == {
        "Leaf diary.pdf": "application/pdf",
        "Leaf.png": "image/png",
        "Measurements.csv": "text/csv",
    }
    content = {}
    for name, file in files.items():
        async with runtime.storage.read(file.location_id, file.storage_key) as chunks:
            content[name] = b"".join([bytes(chunk) async for chunk in chunks])
        assert len(content[name]) == file.size_bytes
    assert_is_pdf(content["Leaf diary.pdf"])
    assert_is_png(content["Leaf.png"])
    assert content["Measurements.csv"].count(b"\n") == 8
    for ledger in await UserStorage.all():
        owned = [file for file in files.values() if file.owner_id == ledger.user_id]
        assert ledger.used_bytes == sum(file.size_bytes for file in owned)


def assert_is_pdf(data: bytes) -> None:
    """The cross-reference table points at every object, and the end of the file at the table."""
    table = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    assert data[table:].startswith(b"xref\n")
    offsets = [int(found) for found in re.findall(rb"(\d{10}) 00000 n \n", data[table:])]
    assert len(offsets) == 5
    for number, offset in enumerate(offsets, start=1):
        assert data[offset:].startswith(b"%d 0 obj\n" % number)


def assert_is_png(data: bytes) -> None:
    """Every chunk's checksum holds, and the pixels are all there."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    position, chunks = 8, {}
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        assert struct.unpack_from(">I", data, position + 8 + length) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        position += 12 + length
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + 3 * width)
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
