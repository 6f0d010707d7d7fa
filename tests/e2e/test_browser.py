"""GraphiQL in a real browser to which no other host exists: sign in, ask, upload, watch.

The one test that may be skipped, where there is no Chromium. CI names one, and then it may not.
"""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from app.services.demo import PASSWORD
from tests.fixtures.node import Node
from tests.fixtures.server import ROOT, AppServer, Serve

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_STEP_SECONDS = 180
_BUILD_SECONDS = 300

NOTES = {"name": "notes.txt", "content": "what a browser sends"}


@pytest.fixture
def chromium() -> str:
    """Where Chromium is: CHROMIUM_PATH, or else one on the path."""
    found = os.environ.get("CHROMIUM_PATH") or next(filter(None, map(shutil.which, _CHROMIUMS)), None)
    if found:
        return found
    pytest.skip("there is no Chromium: install one, or name it in CHROMIUM_PATH")


@pytest.fixture
def graphiql(node: Node) -> None:
    """GraphiQL has been built, as `make graphiql` does it."""
    with (ROOT / ".cache" / "graphiql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = subprocess.run(
            [node.program.node, ROOT / "app/web/graphiql/build.mjs"],
            env=node.program.environment,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
    assert built.returncode == 0, built.stdout + built.stderr


@pytest.fixture
def artefacts() -> Path:
    """Where a run leaves what people want to look at."""
    folder = ROOT / "test-artefacts"
    folder.mkdir(exist_ok=True)
    return folder


def line_of(email: str, server: AppServer) -> str:
    """The line that the demo prints for somebody, to be pasted."""
    lines = server.log().splitlines()
    return lines[lines.index(f"  {email}") + 1]


@pytest.mark.timeout(1800)  # on a fresh machine it installs and builds first
@pytest.mark.usefixtures("graphiql")
async def test_an_administrator_works_in_graphiql_without_the_internet(
    chromium: str, node: Node, serve: Serve, artefacts: Path, tmp_path: Path
) -> None:
    server = await serve(arguments=("serve", "--demo"))
    screenshot = artefacts / "graphiql.png"
    screenshot.unlink(missing_ok=True)

    async with node.running(
        "graphiql.js",
        chromium=chromium,
        profile=str(tmp_path / "profile"),
        url=server.graphql_url,
        email="admin@demo.example",
        password=PASSWORD,
        line=line_of("pupil@demo.example", server),
        file=NOTES,
        screenshot=str(screenshot),
    ) as browser:
        assert await browser.says(_STEP_SECONDS) == {"refusal": "The e-mail address or the password is wrong."}
        # The token is in the storage of this tab, and in none that outlives it.
        assert await browser.says(_STEP_SECONDS) == {"who": "Ada Lindgren, system admin", "kept": [False, True]}

        asked = await browser.says(_STEP_SECONDS)
        assert asked["answer"]["data"]["me"]["email"] == "admin@demo.example"

        sent = await browser.says(_STEP_SECONDS)
        file = sent["uploaded"]["data"]["uploadFile"]["file"]
        assert (file["name"], file["mimeType"], file["sizeBytes"]) == ("notes.txt", "text/plain", 20)
        assert sent["opened"] == NOTES["content"]
        assert sent["variables"] == {"id": file["id"]}

        # The subscription was running all the while.
        event = (await browser.says(_STEP_SECONDS))["event"]["data"]["fileEvents"]
        assert (event["type"], event["name"], event["sizeBytes"]) == ("UPLOADED", "notes.txt", 20)

        assert await browser.says(_STEP_SECONDS) == {"pasted": "Pablo Rossi"}
        assert await browser.says(_STEP_SECONDS) == {"strangers": [], "problems": [], "token": None}
        await browser.end()
    assert screenshot.read_bytes().startswith(b"\x89PNG")
