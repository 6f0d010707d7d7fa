"""The server keeps to GraphQL over HTTP, as the audits of npm's graphql-http see it: MUST, SHOULD and MAY."""

from collections import Counter

from tests.fixtures.app import Satchel
from tests.fixtures.node import Node


async def test_the_server_passes_every_audit_of_graphql_over_http(node: Node, embedded: Satchel) -> None:
    audits = await node.run("audits.js", url=embedded.graphql_url)

    failed = [f"{audit['id']} {audit['name']}: {audit['reason']}" for audit in audits if audit["status"] != "ok"]
    assert failed == []
    assert Counter(audit["name"].split()[0] for audit in audits) == {"MUST": 13, "SHOULD": 23, "MAY": 25}
