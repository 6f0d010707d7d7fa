"""WebSockets pass through the middleware: they are counted, and strangers' addresses are closed."""

import asyncio
from pathlib import Path

import pytest
import websockets
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from app.models import User
from tests.app.web.live import eventually, site_on
from tests.fixtures.logs import LogLines


async def _count_users(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(str(await User.all().count()))
    await socket.close()


async def test_a_socket_is_served_and_leaves_a_line(tmp_path: Path, sqlite_url: str, log_lines: LogLines) -> None:
    async with site_on(tmp_path, sqlite_url, routes=[WebSocketRoute("/socket", _count_users)]) as site:
        async with asyncio.timeout(30), websockets.connect(site.url.replace("http", "ws") + "/socket") as socket:
            assert await socket.recv() == "0"
        await eventually(lambda: any(line["event"] == "websocket.closed" for line in log_lines()))
    (line,) = [line for line in log_lines() if line["event"] == "websocket.closed"]
    assert line["route"] == "/socket"
    assert line["seconds"] > 0


async def test_a_socket_to_nowhere_is_refused_without_an_error(
    tmp_path: Path, sqlite_url: str, log_lines: LogLines
) -> None:
    async with site_on(tmp_path, sqlite_url) as site:
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(site.url.replace("http", "ws") + "/nowhere")
        await eventually(lambda: any(line["event"] == "websocket.closed" for line in log_lines()))
    assert [line for line in log_lines() if line["level"] not in {"info", "debug"}] == []
