"""Rate limits as clients meet them: by field where a login is one, else as a status of HTTP."""

import asyncio
from typing import Any

import httpx
import pytest

from app.models import File
from tests.fixtures.app import UPLOAD_ALL, Part, Satchel, answer_of

LOGIN = """mutation ($email: String!) {
  a: login(input: {email: $email, password: "wrong wrong wrong"}) { token }
  b: login(input: {email: $email, password: "wrong wrong wrong"}) { token }
  c: login(input: {email: $email, password: "wrong wrong wrong"}) { token }
}"""
ALIASES = "{ a: me { id } b: me { id } ...F ... { d: me { id } } } fragment F on Query { c: me { id } }"


@pytest.mark.parametrize("app_settings", [{"rate_limit_login_account": "2/hour"}])
@pytest.mark.parametrize("email", ["nobody@school.example", None], ids=["unknown", "known"])
async def test_each_login_of_a_request_counts_and_the_rest_is_refused_without_looking(
    embedded: Satchel, email: str | None
) -> None:
    answer = await embedded.graphql(LOGIN, {"email": email or embedded.user("student").email})

    assert answer.codes == ["UNAUTHENTICATED", "UNAUTHENTICATED", "RATE_LIMITED"]
    limited = answer.errors[-1]
    assert limited["path"] == ["c"]
    assert 3000 < limited["extensions"]["retryAfterSeconds"] <= 3600


@pytest.mark.parametrize("app_settings", [{"rate_limit_operations": "4/hour"}])
async def test_aliases_and_fragments_are_counted_one_by_one_and_refused_as_a_whole(embedded: Satchel) -> None:
    assert (await embedded.graphql(ALIASES, by="student")).ok()

    response = await embedded.client.post("/graphql", json={"query": ALIASES}, headers=embedded.headers("student"))

    assert response.status_code == 429
    answer = answer_of(response)
    assert (answer.data, answer.codes) == (None, ["RATE_LIMITED"])
    assert int(response.headers["retry-after"]) == answer.error["extensions"]["retryAfterSeconds"] > 3000
    assert (await embedded.graphql(ALIASES, by="teacher")).ok()


@pytest.mark.parametrize("app_settings", [{"rate_limit_operations": "3/hour"}])
@pytest.mark.parametrize("query", ["{", "{ nothing }", "{ __typename }"])
async def test_whatever_comes_without_a_token_counts_for_its_address(embedded: Satchel, query: str) -> None:
    for _ in range(3):
        assert (await embedded.graphql(query)).status == 200

    assert (await embedded.graphql(query)).codes == ["RATE_LIMITED"]
    assert (await embedded.graphql("{ __typename }", by="student")).ok()


@pytest.mark.parametrize("app_settings", [{"rate_limit_uploads": "3/hour"}])
async def test_uploads_are_counted_by_the_file_and_nothing_is_stored_of_those_that_are_too_many(
    embedded: Satchel,
) -> None:
    assert (await embedded.upload_all([Part(b"one"), Part(b"two")])).ok()

    response = await _upload_two(embedded)

    assert (response.status_code, answer_of(response).codes) == (429, ["RATE_LIMITED"])
    assert await File.all().count() == 2
    assert (await embedded.quota("student"))["usedBytes"] == 6


async def _upload_two(satchel: Satchel) -> httpx.Response:
    return await satchel.client.post(
        "/graphql",
        data={
            "operations": f'{{"query": {_quoted(UPLOAD_ALL)}, "variables": {{"input": {{"files": [null, null]}}}}}}',
            "map": '{"0": ["variables.input.files.0"], "1": ["variables.input.files.1"]}',
        },
        files={"0": ("a.txt", b"x"), "1": ("b.txt", b"y")},
        headers=satchel.headers("student"),
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\n", " ") + '"'


@pytest.mark.parametrize("app_settings", [{"uploads_at_once": 1}])
async def test_an_upload_that_is_one_too_many_at_a_time_is_refused_before_it_is_read(embedded: Satchel) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> Any:
        head, tail = _body()
        yield head
        begun.set()
        await go_on.wait()
        yield tail

    headers = embedded.headers("student") | {"Content-Type": "multipart/form-data; boundary=x"}
    first = asyncio.create_task(embedded.client.post("/graphql", content=slowly(), headers=headers))
    await begun.wait()
    async with asyncio.timeout(30):
        while not await File.all().count():  # noqa: ASYNC110 - the server is in another task, and says nothing
            await asyncio.sleep(0.01)
    refused = await embedded.client.post("/graphql", content=b"".join(_body()), headers=headers)
    go_on.set()

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert answer_of(refused).codes == ["RATE_LIMITED"]
    assert answer_of(await first).ok()["uploadFile"]["file"]
    assert answer_of(await embedded.client.post("/graphql", content=b"".join(_body()), headers=headers)).ok()
    assert await File.all().count() == 2


def _body() -> tuple[bytes, bytes]:
    operations = '{"query": "mutation ($f: Upload!) { uploadFile(input: {file: $f}) { file { id } } }", "variables": {"f": null}}'
    head = (
        f'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{operations}\r\n'
        '--x\r\nContent-Disposition: form-data; name="map"\r\n\r\n{"0": ["variables.f"]}\r\n'
        '--x\r\nContent-Disposition: form-data; name="0"; filename="a.txt"\r\n\r\n'
    )
    return head.encode() + b"x" * 300_000, b"y\r\n--x--\r\n"
