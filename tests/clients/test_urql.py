"""urql against the running server."""

from tests.fixtures.app import Satchel
from tests.fixtures.node import Node


async def test_urql_queries_uploads_and_pages_with_an_accept_field_of_its_own(node: Node, embedded: Satchel) -> None:
    said = await node.run("urql.js", url=embedded.graphql_url, token=embedded.people["student"].token)

    assert said["pages"] == [["a.txt", "b.txt"], ["c.txt"]]
    me = {"name": embedded.user("student").name, "quota": {"usedBytes": 3 * len("a.txt")}}
    assert [said[way]["me"] for way in ("byGet", "byPost")] == [me, me]
    assert said["code"] == "BAD_USER_INPUT"
    assert [request["method"] for request in said["sent"]] == ["POST"] * 3 + ["GET"] * 3 + ["POST", "GET"]
    for request in said["sent"]:
        assert "text/event-stream" in request["accepts"], "urql no longer sends what this test is about"
        assert request["type"] == "application/graphql-response+json; charset=utf-8"
