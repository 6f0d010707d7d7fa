"""`uploadFiles`: one result per file, in order; a bad file does not undo a good one."""

import json
from typing import Any

import pytest

from app.models import File
from tests.factories import make_user_limit
from tests.fixtures.app import UPLOAD_ALL, Part, Satchel, answer_of

MIB = 1024 * 1024


def _outcomes(results: list[dict[str, Any]]) -> list[str]:
    """The name of each stored file, the code of each refused one."""
    return [result["file"]["name"] if result["file"] else result["errorCode"] for result in results]


async def test_several_files_are_stored_in_order(satchel: Satchel) -> None:
    parts = [Part(bytes([65 + n]) * (1000 * n), f"{n}.txt") for n in range(5)]

    payload = (await satchel.upload_all(parts, groupId=str(satchel.groups["north"].id))).ok()["uploadFiles"]

    assert [result["file"]["name"] for result in payload["results"]] == ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt"]
    assert [result["file"]["sizeBytes"] for result in payload["results"]] == [0, 1000, 2000, 3000, 4000]
    assert payload["quota"]["usedBytes"] == 10_000
    assert {file.group_id for file in await File.all()} == {satchel.groups["north"].id}


@pytest.mark.requirement("R3")
async def test_a_bad_file_does_not_undo_a_good_one(satchel: Satchel) -> None:
    await make_user_limit(satchel.user("student"), max_file_size_bytes=300_000, storage_quota_bytes=500_000)
    parts = [
        Part(b"a" * 200_000, "a.txt"),
        Part(b"MZ program", "b.pdf"),
        Part(b"c" * 400_000, "c.txt"),
        Part(b"d" * 200_000, "d.txt"),
        Part(b"e" * 200_000, "e.txt"),
        Part(b"f", "///"),
        Part(b"g" * 100_000, "g.txt"),
    ]

    payload = (await satchel.upload_all(parts)).ok()["uploadFiles"]

    assert _outcomes(payload["results"]) == [
        "a.txt",
        "UNSUPPORTED_MEDIA_TYPE",
        "FILE_TOO_LARGE",
        "d.txt",
        "QUOTA_EXCEEDED",
        "BAD_USER_INPUT",
        "g.txt",
    ]
    assert payload["quota"]["remainingBytes"] == 0
    large, full = payload["results"][2], payload["results"][4]
    assert "exceeds limit" in large["errorMessage"]
    assert large["errorDetails"]["maxFileSizeBytes"] == 300_000
    assert (full["errorDetails"]["usedBytes"], full["errorDetails"]["quotaBytes"]) == (400_000, 500_000)
    assert payload["results"][0]["errorCode"] is None


async def test_what_is_wrong_with_all_of_them_refuses_the_whole_mutation(satchel: Satchel) -> None:
    for fields, code in (({"groupId": "nonsense"}, "BAD_USER_INPUT"), ({"entityId": "1"}, "BAD_USER_INPUT")):
        answer = await satchel.upload_all([Part(b"x"), Part(b"y")], **fields)
        assert (answer.data, answer.codes) == ({"uploadFiles": None}, [code])
    assert await File.all().count() == 0


async def test_files_of_another_order_than_the_bodys_are_refused_one_by_one(satchel: Satchel) -> None:
    paths = {"0": ["variables.input.files.1"], "1": ["variables.input.files.0"]}
    variables = {"input": {"files": [None, None]}}

    answer = await satchel.send(
        UPLOAD_ALL, variables, paths, {"0": Part(b"first", "0.txt"), "1": Part(b"second", "1.txt")}, by="student"
    )

    assert _outcomes(answer.ok()["uploadFiles"]["results"]) == ["1.txt", "BAD_USER_INPUT"]


async def test_when_the_body_breaks_off_what_came_before_is_stored_and_all_that_follows_fails(satchel: Satchel) -> None:
    fields = {
        "operations": json.dumps({"query": UPLOAD_ALL, "variables": {"input": {"files": [None] * 3}}}),
        "map": json.dumps({str(n): [f"variables.input.files.{n}"] for n in range(3)}),
    }
    body = "".join(
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()
    )
    for number in range(2):
        head = f'Content-Disposition: form-data; name="{number}"; filename="{number}.txt"'
        body += f"--edge\r\n{head}\r\n\r\n" + "x" * 50_000 + "\r\n"
    cut = body[:-30_000].encode()

    response = await satchel.client.post(
        "/graphql",
        content=cut,
        headers={"Content-Type": "multipart/form-data; boundary=edge"} | satchel.headers("student"),
    )

    results = answer_of(response).ok()["uploadFiles"]["results"]
    assert _outcomes(results) == ["0.txt", "BAD_USER_INPUT", "BAD_USER_INPUT"]
    assert (await satchel.quota("student"))["usedBytes"] == 50_000


async def test_no_files_at_all_are_no_results(embedded: Satchel) -> None:
    answer = await embedded.graphql(
        "mutation { uploadFiles(input: {files: []}) { results { errorCode } quota { usedBytes } } }", by="student"
    )

    assert answer.ok() == {"uploadFiles": {"results": [], "quota": {"usedBytes": 0}}}
