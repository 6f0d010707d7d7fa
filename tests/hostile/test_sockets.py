"""Every hostile frame ends its connection with the code that the protocol has for it, and nothing else."""

import contextlib

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.hostile.conftest import Target
from tests.hostile.sockets import CASES, Frames

_PROTOCOL = Subprotocol("graphql-transport-ws")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_hostile_frame_ends_its_connection_and_changes_nothing(target: Target, case: Frames) -> None:
    before = target.kept()

    with connect(f"ws://127.0.0.1:{target.port}/graphql", subprotocols=[_PROTOCOL], compression=None) as socket:
        with contextlib.suppress(ConnectionClosed):
            for frame in case.frames:
                socket.send(target.fill(frame) if isinstance(frame, str) else frame)
        with pytest.raises(ConnectionClosed) as closed:
            _read_to_the_end(socket)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == case.closed, closed.value.rcvd.reason
    assert "Traceback" not in closed.value.rcvd.reason
    assert target.kept() == before
    assert target.is_alive()


def _read_to_the_end(socket: ClientConnection) -> None:
    while True:
        socket.recv(timeout=30)
