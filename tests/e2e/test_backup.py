"""What the README says of backups: the database first, then the store; the store back first, then the database."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from app.services.demo import PASSWORD
from tests.fixtures.server import ROOT, AppServer, Serve, inherited_environment
from tests.measuring import app_command

UPLOAD = "mutation ($file: Upload!) { uploadFile(input: {file: $file}) { file { id signedUrl { url } } } }"
LOGIN = 'mutation { login(input: {email: "student@demo.example", password: "%s"}) { token } }'


async def ask(server: AppServer, query: str, token: str = "") -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        answer: dict[str, Any] = (await client.post(server.graphql_url, json={"query": query})).json()
    return answer


async def upload(server: AppServer, token: str, content: bytes) -> str:
    operations = json.dumps({"query": UPLOAD, "variables": {"file": None}})
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        reply = await client.post(
            server.graphql_url,
            data={"operations": operations, "map": '{"0": ["variables.file"]}'},
            files={"0": ("notes.txt", content)},
        )
    file_id: str = reply.json()["data"]["uploadFile"]["file"]["id"]
    return file_id


async def content_of(server: AppServer, token: str, file_id: str) -> bytes | None:
    """The bytes of a file; None when there is no such file."""
    answer = await ask(server, f'{{ file(id: "{file_id}") {{ signedUrl {{ url }} }} }}', token)
    if answer["data"]["file"] is None:
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_FOUND"]
        return None
    async with httpx.AsyncClient(timeout=60) as client:
        return (await client.get(answer["data"]["file"]["signedUrl"]["url"])).raise_for_status().content


def copy_database(source: Path, target: Path) -> None:
    """As `sqlite3 FILE ".backup …"` does it, beside a running server."""
    with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(target)) as copy:
        database.backup(copy)


async def test_a_restored_backup_has_every_file_that_its_database_knows(serve: Serve, tmp_path: Path) -> None:
    server = await serve(arguments=("serve", "--demo"))
    token = (await ask(server, LOGIN % PASSWORD))["data"]["login"]["token"]
    kept = await upload(server, token, b"before the backup")

    # The server goes on while it is backed up: one file comes between the database and the store, one is deleted.
    backup = tmp_path / "backup"
    backup.mkdir()
    copy_database(server.data_dir / "satchel.sqlite3", backup / "satchel.sqlite3")
    between = await upload(server, token, b"after the database's copy")
    await ask(server, f'mutation {{ deleteFile(input: {{id: "{kept}"}}) {{ file {{ status }} }} }}', token)
    shutil.copytree(server.data_dir / "files", backup / "files")
    shutil.copy(server.data_dir / "secret_key", backup)
    await server.terminate()

    restored = await serve(data_dir=backup)
    # The token is of the time before: the secret key came back too.
    assert await content_of(restored, token, kept) == b"before the backup"
    assert await content_of(restored, token, between) is None
    process = await asyncio.create_subprocess_exec(
        *app_command("run-job", "quota_reconciliation", "--dry-run"),
        cwd=ROOT,
        env=inherited_environment() | {"DATA_DIR": str(backup)},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert (process.returncode, "discrepancies: 0" in said.decode()) == (0, True)
    # It takes new files as before.
    assert await content_of(restored, token, await upload(restored, token, b"new")) == b"new"
