"""Where a client is: what it says of itself counts only when a proxy says it that the operator has named."""

import httpx
import pytest

from tests.fixtures.server import Serve


@pytest.mark.parametrize(
    "proxies, codes",
    [
        ("", [None, None, "RATE_LIMITED"]),
        ("127.0.0.1", [None, None, None]),
        ("10.0.0.0/8", [None, None, "RATE_LIMITED"]),
    ],
    ids=["nobody", "this proxy", "another proxy"],
)
async def test_an_address_in_a_header_counts_only_from_a_trusted_proxy(
    serve: Serve, proxies: str, codes: list[str | None]
) -> None:
    server = await serve({"RATE_LIMIT_OPERATIONS": "2/day", "TRUSTED_PROXIES": proxies})
    found = []
    async with httpx.AsyncClient(timeout=30) as client:
        for number in range(3):
            headers = {"X-Forwarded-For": f"192.0.2.{number}"}
            response = await client.post(server.graphql_url, json={"query": "{ __typename }"}, headers=headers)
            errors = response.json().get("errors")
            found.append(errors[0]["extensions"]["code"] if errors else None)

    assert found == codes
