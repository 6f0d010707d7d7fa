"""`python -m app serve`: how it starts, what it prints, how it stops."""

import asyncio
import json
import re
import socket
from pathlib import Path

import httpx
import pytest

from app.db import migrate
from app.runtime import open_runtime
from app.settings import Settings
from tests.factories import make_user
from tests.fixtures.server import ROOT, AppServer, Serve, inherited_environment
from tests.fixtures.servers.process import ServerFailed
from tests.measuring import app_command

ME = "{ me { email quota { usedBytes quotaBytes source } } }"


async def ask(server: AppServer, query: str, headers: dict[str, str]) -> dict[str, object]:
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        reply = await client.post(server.graphql_url, json={"query": query})
    answer: dict[str, object] = reply.json()["data"]["me"]
    return answer


def printed_headers(server: AppServer) -> dict[str, dict[str, str]]:
    """What the demo prints for GraphiQL's headers, by e-mail."""
    found = re.findall(r"^  (\S+@demo\.example)\n(\{.*\})$", server.log(), re.MULTILINE)
    return {email: json.loads(line) for email, line in found}


@pytest.mark.usefixtures("cold_start")
async def test_the_demo_prints_headers_that_work_as_they_stand_and_a_second_start_keeps_it(
    serve: Serve, tmp_path: Path
) -> None:
    first = await serve(arguments=("serve", "--demo"), data_dir=tmp_path / "on" / "a fresh machine")
    headers = printed_headers(first)
    assert len(headers) == 6
    for email, header in headers.items():
        assert (await ask(first, ME, header))["email"] == email
    assert f"GraphiQL: {first.base_url}/graphql\n" in first.log()
    await first.terminate()

    second = await serve(arguments=("serve", "--demo"), data_dir=first.data_dir)
    old, new = headers["student@demo.example"], printed_headers(second)["student@demo.example"]
    assert old != new
    assert "The demo district is there." in second.log()
    assert await ask(second, ME, old) == await ask(second, ME, new)


async def test_a_demo_that_cannot_be_made_stops_no_server(serve: Serve, tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "data", database_url="", secret_key="")
    await migrate(settings.resolved_database_url)
    async with open_runtime(settings):
        await make_user(email="pupil@demo.example")

    server = await serve(arguments=("serve", "--demo"), data_dir=settings.data_dir)

    assert "error: The demo district cannot be made: one of its users' e-mails is taken." in server.log()
    assert "Traceback" not in server.log()


async def test_without_the_option_there_is_no_demo_and_a_stop_is_orderly(server: AppServer) -> None:
    assert "demo" not in server.log()
    assert f"url={server.base_url}" in server.log() or f'"url":"{server.base_url}"' in server.log()
    assert await server.terminate() in {0, 143}
    assert "Application shutdown complete." in server.log()
    assert "Traceback" not in server.log()


async def test_whoever_asks_a_server_for_its_health_is_answered(server: AppServer) -> None:
    async def health(*arguments: str, **environment: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *app_command("health", *arguments),
            cwd=ROOT,
            env=inherited_environment() | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    assert await health(PORT=str(server.port)) == (0, "ok\n")
    assert await health("--port", str(server.port)) == (0, "ok\n")
    await server.terminate()
    status, said = await health(PORT=str(server.port))
    assert (status, said.startswith("error: ConnectionRefusedError: ")) == (1, True)


@pytest.mark.usefixtures("cold_start")
async def test_a_port_in_use_costs_one_line_and_touches_nothing(serve: Serve, tmp_path: Path) -> None:
    data_dir = tmp_path / "untouched"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(ServerFailed) as caught:
            await serve({"PORT": port}, data_dir=data_dir)
    assert f"error: HOST, PORT: cannot listen on 127.0.0.1:{port}: Address already in use" in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert not (data_dir / "satchel.sqlite3").exists()


@pytest.mark.parametrize(
    "variable, url", [("DATABASE_URL", "postgres://127.0.0.1:1/satchel"), ("REDIS_URL", "redis://127.0.0.1:1")]
)
async def test_the_demo_is_not_for_a_deployment_of_several_processes(serve: Serve, variable: str, url: str) -> None:
    with pytest.raises(ServerFailed, match=f"error: {variable}: --demo is for the embedded database"):
        await serve({variable: url, "SECRET_KEY": "s" * 32}, arguments=("serve", "--demo"))


async def test_a_file_without_documents_costs_one_line(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed) as caught:
        await serve({"PERSISTED_QUERIES": "only", "PERSISTED_QUERIES_FILE": str(tmp_path / "nothing.json")})
    assert "error: PERSISTED_QUERIES_FILE: " in str(caught.value)
    assert "Traceback" not in str(caught.value)


async def test_a_store_that_cannot_be_meant_costs_one_line(serve: Serve) -> None:
    store = {"S3_BUCKET": "files", "S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "secret"}
    with pytest.raises(ServerFailed) as caught:
        await serve({"STORAGE_BACKEND": "s3", "S3_ENDPOINT": "files.example.org:9000"} | store)
    assert "error: S3_*: the endpoint must be http://HOST[:PORT] or https://HOST[:PORT]" in str(caught.value)
    assert "Traceback" not in str(caught.value)
