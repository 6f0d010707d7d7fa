"""The README's session with curl, pasted into a shell against a running server."""

import asyncio
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.services.demo import PASSWORD, PEOPLE
from tests.fixtures.server import ROOT, AppServer, Serve

README = (ROOT / "README.md").read_text()
HOMEWORK = "The dog ate my homework."


def session() -> str:
    part = README.partition("## A session with curl")[2].partition("### A 1 GB video")[0]
    return "".join(re.findall(r"```sh\n(.*?)```", part, re.DOTALL))


async def pasted(script: str, server: AppServer, folder: Path) -> list[str]:
    """The lines that the script prints, run as a person's shell runs them."""
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-eu",
        "-c",
        script.replace("http://127.0.0.1:8000", server.base_url),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return out.decode().splitlines()


def data(line: str) -> dict[str, Any]:
    answer = json.loads(line)
    assert "errors" not in answer
    content: dict[str, Any] = answer["data"]
    return content


@pytest.mark.requirement("R1")
@pytest.mark.requirement("R4")
@pytest.mark.requirement("R6")
async def test_the_session_works_when_pasted(serve: Serve, tmp_path: Path) -> None:
    server = await serve(arguments=("serve", "--demo"))

    me, upload, download, deletion, dead, restored, again, purged = await pasted(session(), server, tmp_path)

    before = data(me)["me"]
    assert before["limits"] == {"maxFileSizeBytes": 2 * 1024**3, "source": "USER_OVERRIDE"}
    assert before["quota"] == {"usedBytes": 0, "trashBytes": 0, "quotaBytes": 20 * 1024**3}
    size = len(HOMEWORK) + 1
    file = data(upload)["uploadFile"]["file"]
    assert (file["name"], file["mimeType"], file["sizeBytes"]) == ("homework.txt", "text/plain", size)
    assert file["sha256"] == hashlib.sha256(f"{HOMEWORK}\n".encode()).hexdigest()
    assert data(upload)["uploadFile"]["quota"] == {"usedBytes": size}
    assert download == HOMEWORK
    assert data(deletion)["deleteFile"] == {
        "file": {"status": "SOFT_DELETED"},
        "quota": {"usedBytes": 0, "trashBytes": size},
    }
    assert dead == "404"
    assert data(restored)["restoreFile"] == {
        "file": {"status": "ACTIVE"},
        "quota": {"usedBytes": size, "trashBytes": 0},
    }
    assert again == HOMEWORK
    assert data(purged)["purgeFile"]["quota"] == {"usedBytes": 0, "trashBytes": 0}


def test_the_readme_knows_the_demo_users_and_their_password() -> None:
    assert re.findall(r"^\| `(\S+@demo\.example)` \|", README, re.MULTILINE) == [person.email for person in PEOPLE]
    assert f"`{PASSWORD}`" in README
