import json
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.schema.view_server import ViewServer, running_view


@pytest.fixture(scope="module", name="server")
def _server() -> Iterator[ViewServer]:
    with running_view() as server:
        yield server


def test_a_subscription_is_served_over_graphql_transport_ws(server: ViewServer) -> None:
    protocol = Subprotocol("graphql-transport-ws")
    with connect(server.url.replace("http", "ws"), subprotocols=[protocol], proxy=None) as socket:
        assert socket.subprotocol == protocol
        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv(5))["type"] == "connection_ack"
        payload = {"query": "subscription { ticks }"}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        assert json.loads(socket.recv(5)) == {"id": "1", "type": "next", "payload": {"data": {"ticks": 1}}}
        assert json.loads(socket.recv(5)) == {"id": "1", "type": "complete"}


def test_the_legacy_protocol_is_not_spoken(server: ViewServer) -> None:
    with connect(server.url.replace("http", "ws"), subprotocols=[Subprotocol("graphql-ws")], proxy=None) as socket:
        assert socket.subprotocol is None
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(5)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4406
