"""Apollo's automatic persisted queries against the running server, where they are allowed and where they are not."""

from typing import Any

import pytest

from tests.fixtures.app import Satchel
from tests.fixtures.node import Node

UNKNOWN = {"method": "GET", "document": False, "status": 400}
HASH = {"method": "GET", "document": False, "status": 200}
BOTH = {"method": "POST", "document": True, "status": 200}


@pytest.mark.parametrize(
    "app_settings, sent",
    [
        ({"persisted_queries": "allow"}, [UNKNOWN, BOTH, HASH]),
        ({"persisted_queries": "off"}, [UNKNOWN, BOTH, BOTH]),
    ],
    ids=["allow", "off"],
)
async def test_apollo_sends_a_document_only_where_its_hash_is_not_known(
    node: Node, embedded: Satchel, sent: list[dict[str, Any]]
) -> None:
    said = await node.run("persisted.js", url=embedded.graphql_url, token=embedded.people["student"].token)

    assert said == {"names": [embedded.user("student").name] * 2, "sent": sent}
