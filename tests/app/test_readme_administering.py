"""The README's way to find out why a pupil cannot upload, and the mutations that come after, as an admin pastes them."""

import re
from typing import Any

import httpx
import pytest
from graphql import OperationDefinitionNode, parse

from app.services.demo import PASSWORD
from tests.fixtures.server import ROOT, AppServer, Serve

GIB = 1024**3
MIB = 1024**2


def _blocks() -> list[str]:
    part = (ROOT / "README.md").read_text().partition("### Administering")[2].partition("\n## ")[0]
    return re.findall(r"```graphql\n(.*?)```", part, re.DOTALL)


class Admin:
    """GraphiQL in the hands of the demo district's system admin."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def log_in(self, email: str, password: str = PASSWORD) -> dict[str, Any]:
        """The answer to a login, whose token the following requests send."""
        self._client.headers.pop("Authorization", None)
        query = "mutation ($input: LoginInput!) { login(input: $input) { token } }"
        answer = await self._post(query, {"input": {"email": email, "password": password}})
        if "errors" not in answer:
            self._client.headers["Authorization"] = f"Bearer {answer['data']['login']['token']}"
        return answer

    async def run(self, document: str, operation: str, variables: dict[str, str]) -> dict[str, Any]:
        """The data of one operation of a document, which must have no errors."""
        answer = await self._post(document, variables, operation)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def _post(self, query: str, variables: dict[str, Any], operation: str | None = None) -> dict[str, Any]:
        body = {"query": query, "variables": variables, "operationName": operation}
        answer: dict[str, Any] = (await self._client.post("/graphql", json=body)).json()
        return answer


def _operations(document: str) -> list[str]:
    definitions = parse(document).definitions
    return [node.name.value for node in definitions if isinstance(node, OperationDefinitionNode) and node.name]


@pytest.mark.requirement("R21")
@pytest.mark.requirement("R23")
async def test_one_query_tells_why_and_five_mutations_put_it_right(serve: Serve) -> None:
    server: AppServer = await serve(arguments=("serve", "--demo"))
    question, changes = _blocks()
    assert len(_operations(question)) == 1
    assert len(_operations(changes)) == 5
    async with httpx.AsyncClient(base_url=server.base_url, timeout=60) as client:
        admin = Admin(client)
        await admin.log_in("admin@demo.example")
        why = _operations(question)[0]

        (pupil,) = (await admin.run(question, why, {}))["users"]["nodes"]

        assert (pupil["email"], pupil["limitOverride"], pupil["files"]["nodes"]) == ("pupil@demo.example", None, [])
        assert pupil["limits"]["storageQuotaSource"] == {"tier": "SYSTEM_DEFAULT", "role": None, "group": None}
        variables = {"user": pupil["id"], "group": pupil["memberships"][0]["group"]["id"]}
        for operation in _operations(changes):
            await admin.run(changes, operation, variables)
        (after,) = (await admin.run(question, why, {}))["users"]["nodes"]
        assert after["quota"]["remainingBytes"] == 5 * GIB
        assert after["limitOverride"]["setBy"] == after["limitHistory"]["nodes"][0]["changedBy"]
        assert after["limitHistory"]["nodes"][0]["reason"] == "Film project until May"
        assert after["memberships"][0]["role"] == "TEACHER"
        assert after["limits"]["maxFileSizeBytes"] == 100 * MIB  # what the district gives its teachers
        await admin.log_in("head@demo.example")
        assert (await admin.run(question, why, {}))["users"]["nodes"] == [after]
        for email, password, comes_in in (
            ("pupil@demo.example", PASSWORD, False),
            ("pupil@demo.example", "another good long one", True),
            ("nia@demo.example", "a good long one", True),
        ):
            assert ("errors" not in await admin.log_in(email, password)) is comes_in
