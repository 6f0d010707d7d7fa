"""Requests for files that are no requests: each is refused in JSON, and nothing is left of it."""

import gzip

import pytest

from app.models import File, FileStatus
from tests.app.web.malformed import CASES, Malformed
from tests.app.web.multipart_bodies import CONTENT_TYPE, QUERY, body_of
from tests.fixtures.app import Satchel, answer_of

UPLOAD = "mutation($file: Upload!) { uploadFile(input: {file: $file}) { file { id } } }"
GOOD = body_of(b"data").replace(QUERY.encode(), UPLOAD.encode())


async def assert_nothing_was_stored(satchel: Satchel) -> None:
    """What was on its way when the request went wrong waits for the sweeper; nobody sees it, nobody pays for it."""
    assert await File.exclude(status=FileStatus.PURGING).count() == 0
    quota = await satchel.quota("student")
    assert (quota["usedBytes"], quota["trashBytes"]) == (0, 0)
    await satchel.assert_consistent()


@pytest.mark.parametrize("first", range(0, len(CASES), 40))
async def test_malformed_requests_store_nothing(embedded: Satchel, first: int) -> None:
    async def check(case: Malformed) -> None:
        body = case.body.replace(QUERY.encode(), UPLOAD.encode())
        headers = embedded.headers("student") | {"Content-Type": case.content_type}
        response = await embedded.client.post("/graphql", content=body, headers=headers)
        assert response.status_code == case.status, case.what
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert answer_of(response).codes == ["PAYLOAD_TOO_LARGE" if case.status == 413 else "BAD_USER_INPUT"], case.what

    for case in CASES[first : first + 40]:
        await check(case)
    await assert_nothing_was_stored(embedded)


# What a form or a script on a foreign page can send without being asked for leave, and near misses.
FOREIGN = {
    "no token": (401, {"Content-Type": CONTENT_TYPE}),
    "a preflight header alone": (401, {"Content-Type": CONTENT_TYPE, "Apollo-Require-Preflight": "1"}),
    "another scheme": (401, {"Content-Type": CONTENT_TYPE, "Authorization": "Basic c3R1ZGVudDpzZWNyZXQ="}),
    "an empty token": (401, {"Content-Type": CONTENT_TYPE, "Authorization": "Bearer"}),
    "a cookie": (401, {"Content-Type": CONTENT_TYPE, "Cookie": "session=x", "Origin": "https://elsewhere.example"}),
    "another multipart type": (415, {"Content-Type": CONTENT_TYPE.replace("form-data", "mixed")}),
    "plain text": (415, {"Content-Type": "text/plain"}),
    "an encoded form": (415, {"Content-Type": "application/x-www-form-urlencoded"}),
    "no type": (415, {}),
}


@pytest.mark.parametrize("what", FOREIGN)
async def test_what_a_foreign_page_can_send_stores_nothing(embedded: Satchel, what: str) -> None:
    status, headers = FOREIGN[what]
    response = await embedded.client.post("/graphql", content=GOOD, headers=headers)

    assert response.status_code == status
    assert answer_of(response).codes == ["UNAUTHENTICATED" if status == 401 else "BAD_USER_INPUT"]
    await assert_nothing_was_stored(embedded)


async def test_a_compressed_request_is_refused(embedded: Satchel) -> None:
    headers = embedded.headers("student") | {"Content-Type": CONTENT_TYPE, "Content-Encoding": "gzip"}
    response = await embedded.client.post("/graphql", content=gzip.compress(GOOD), headers=headers)

    assert (response.status_code, answer_of(response).codes) == (415, ["BAD_USER_INPUT"])
    assert response.headers["accept-encoding"] == "identity"
    await assert_nothing_was_stored(embedded)


async def test_the_request_that_all_of_these_spoil_is_a_good_one(embedded: Satchel) -> None:
    headers = embedded.headers("student") | {"Content-Type": CONTENT_TYPE}
    answer_of(await embedded.client.post("/graphql", content=GOOD, headers=headers)).ok()

    assert (await embedded.quota("student"))["usedBytes"] == len(b"data")
