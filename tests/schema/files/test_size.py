"""R3: a file over its limit is stopped at the first byte over, whatever the request said of its length."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fixtures.app import UPLOAD, Satchel, answer_of

MIB = 1024 * 1024
LIMIT = 200_000


@pytest.fixture
def app_settings() -> dict[str, Any]:
    """The system's default is a small limit for one file."""
    return {"default_max_file_size_bytes": LIMIT}


@pytest.mark.requirement("R3")
async def test_a_file_of_exactly_the_limit_is_stored(satchel: Satchel) -> None:
    assert (await satchel.file(b"x" * LIMIT))["sizeBytes"] == LIMIT


@pytest.mark.requirement("R3")
@pytest.mark.parametrize("size", [LIMIT + 1, 2 * MIB], ids=["by one byte", "by far"])
async def test_a_larger_file_is_refused_with_its_limit(satchel: Satchel, size: int) -> None:
    answer = await satchel.upload(b"x" * size)

    assert answer.data == {"uploadFile": None}
    assert "exceeds limit" in answer.error["message"]
    extensions = answer.error["extensions"]
    assert (extensions["code"], extensions["maxFileSizeBytes"], extensions["source"]) == (
        "FILE_TOO_LARGE",
        LIMIT,
        "SYSTEM_DEFAULT",
    )
    assert extensions["sizeBytes"] is None or size <= extensions["sizeBytes"] <= size + 64 * 1024
    assert (await satchel.quota("student"))["usedBytes"] == 0
    assert await satchel.stored_keys() == set()


@pytest.mark.requirement("R3")
async def test_a_body_of_unknown_length_is_stopped_at_the_limit(satchel: Satchel) -> None:
    request = satchel.client.build_request(
        "POST",
        "/graphql",
        data={
            "operations": json.dumps({"query": UPLOAD, "variables": {"input": {"file": None}}}),
            "map": '{"0": ["variables.input.file"]}',
        },
        files={"0": ("big.bin", b"x" * MIB)},
        headers=satchel.headers("student"),
    )
    content = await request.aread()

    async def chunked() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 50_000):
            yield content[start : start + 50_000]

    headers = {"Content-Type": request.headers["content-type"]} | satchel.headers("student")
    answer = answer_of(await satchel.client.post("/graphql", content=chunked(), headers=headers))

    assert answer.codes == ["FILE_TOO_LARGE"]
    assert answer.error["extensions"]["sizeBytes"] is None
    assert (await satchel.quota("student"))["usedBytes"] == 0


@pytest.mark.requirement("R3")
async def test_an_empty_file_is_stored(satchel: Satchel) -> None:
    file = await satchel.file(b"", name="empty.txt")

    assert (file["sizeBytes"], file["sha256"][:8], file["status"]) == (0, "e3b0c442", "ACTIVE")
