"""R2: what does not fit is refused to the byte, stores nothing and changes nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.models import File
from tests.factories import make_user_limit
from tests.fixtures.app import Satchel, answer_of

MIB = 1024 * 1024
QUOTA = 300_000


@pytest.fixture
async def limited(satchel: Satchel) -> Satchel:
    """The student may store 300,000 bytes."""
    await make_user_limit(satchel.user("student"), storage_quota_bytes=QUOTA, max_file_size_bytes=10 * MIB)
    return satchel


@pytest.mark.requirement("R2")
async def test_a_file_that_fits_to_the_byte_is_stored(limited: Satchel) -> None:
    await limited.file(b"a" * 100_000)

    answer = await limited.upload(b"b" * 200_000)

    assert answer.ok()["uploadFile"]["quota"] == {
        "usedBytes": QUOTA,
        "trashBytes": 0,
        "quotaBytes": QUOTA,
        "remainingBytes": 0,
        "source": "USER_OVERRIDE",
    }


@pytest.mark.requirement("R2")
async def test_one_byte_more_is_refused_and_changes_nothing(limited: Satchel) -> None:
    await limited.file(b"a" * 100_000)
    stored = await limited.stored_keys()

    answer = await limited.upload(b"b" * 200_001)

    assert answer.data == {"uploadFile": None}
    assert answer.error["path"] == ["uploadFile"]
    extensions = answer.error["extensions"]
    assert 200_001 <= extensions.pop("requestedBytes") <= 200_001 + 64 * 1024
    assert extensions == {
        "code": "QUOTA_EXCEEDED",
        "usedBytes": 100_000,
        "trashBytes": 0,
        "quotaBytes": QUOTA,
        "source": "USER_OVERRIDE",
    }
    assert (await limited.quota("student"))["usedBytes"] == 100_000
    assert await limited.stored_keys() == stored
    assert await File.filter(owner=limited.user("student")).count() == 1


@pytest.mark.requirement("R2")
async def test_a_body_of_unknown_length_is_stopped_at_the_quota(limited: Satchel) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield _head()
        for _ in range(100):
            yield b"x" * 10_000
        yield b"\r\n--edge--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=edge"} | limited.headers("student")
    answer = answer_of(await limited.client.post("/graphql", content=body(), headers=headers))

    assert answer.codes == ["QUOTA_EXCEEDED"]
    assert answer.error["extensions"]["usedBytes"] == 0
    assert (await limited.quota("student"))["usedBytes"] == 0


@pytest.mark.requirement("R2")
async def test_parallel_uploads_fill_the_quota_to_the_byte_and_never_pass_it(limited: Satchel) -> None:
    answers = await asyncio.gather(*(limited.upload(b"p" * 50_000, name=f"{n}.bin") for n in range(10)))

    stored = [answer for answer in answers if not answer.errors]
    assert len(stored) == QUOTA // 50_000
    assert {code for answer in answers for code in answer.codes} == {"QUOTA_EXCEEDED"}
    assert (await limited.quota("student"))["usedBytes"] == QUOTA


@pytest.mark.requirement("R2")
async def test_parallel_uploads_that_all_fit_are_all_stored(limited: Satchel) -> None:
    answers = await asyncio.gather(*(limited.upload(b"p" * 30_000, name=f"{n}.bin") for n in range(10)))

    assert [answer.errors for answer in answers] == [[]] * 10
    assert (await limited.quota("student"))["remainingBytes"] == 0


@pytest.mark.requirement("R2")
async def test_uploading_and_deleting_in_turns_does_not_fill_the_store(limited: Satchel) -> None:
    for _ in range(2):
        file = await limited.file(b"t" * 300_000)
        (await limited.act("deleteFile", file["id"])).ok()

    answer = await limited.upload(b"t" * 100_000)

    assert answer.codes == ["QUOTA_EXCEEDED"]
    assert (answer.error["extensions"]["usedBytes"], answer.error["extensions"]["trashBytes"]) == (0, 600_000)
    emptied = await limited.graphql("mutation { emptyTrash { filesPurged bytesFreed } }", by="student")
    assert emptied.ok() == {"emptyTrash": {"filesPurged": 2, "bytesFreed": 600_000}}
    assert (await limited.upload(b"t" * 100_000)).errors == []


def _head() -> bytes:
    query = "mutation ($f: Upload!) { uploadFile(input: {file: $f}) { file { id } } }"
    fields = {
        "operations": f'{{"query": "{query}", "variables": {{"f": null}}}}',
        "map": '{"0": ["variables.f"]}',
    }
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    parts.append('--edge\r\nContent-Disposition: form-data; name="0"; filename="stream.bin"\r\n\r\n')
    return "".join(parts).encode()
