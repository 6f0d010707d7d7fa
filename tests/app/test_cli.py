"""The command line, run as people run it: `python -m app ...` in a process of its own."""

import asyncio
import itertools
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from app.auth import Tokens
from app.clock import SystemClock
from app.models import File, FileStatus, JobName, JobRun, JobStatus, User, UserStorage
from app.runtime import Runtime, open_runtime
from app.settings import Settings
from tests.factories import make_file, make_user
from tests.fixtures.servers.process import Command, ServerProcess
from tests.measuring import app_command

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef0123456789abcdef"
PASSWORD = "correct horse battery"


@dataclass
class Result:
    """What a command left behind."""

    status: int
    out: str
    err: str


class Commands:
    """Runs commands on one data folder, with nothing of the developer's own settings."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.data_dir = data_dir
        names = {name.upper() for name in Settings.model_fields}
        self._environment = {key: value for key, value in os.environ.items() if key not in names}
        self._environment |= {"DATA_DIR": str(data_dir), **variables}
        self._numbers = itertools.count()

    async def __call__(self, *arguments: str, stdin: str = "", **variables: str) -> Result:
        name = f"command-{next(self._numbers)}"
        asked, out, err = (self.data_dir.with_name(f"{name}.{part}") for part in ("in", "out", "err"))
        asked.write_text(stdin)
        command = Command(
            serve=app_command(*arguments),
            folder=ROOT,
            stdin=asked,
            out=out,
            log=err,
            environment=self._environment | variables,
        )
        process = ServerProcess(" ".join(["python -m app", *arguments]), command)
        try:
            status = await asyncio.to_thread(process.wait, 60)
        finally:
            await asyncio.to_thread(process.stop)
        return Result(status, out.read_text(), err.read_text())


@pytest.fixture
def run(tmp_path: Path) -> Commands:
    """On a fresh machine."""
    return Commands(tmp_path / "data")


@pytest.fixture
def run_again(tmp_path: Path, migrated_folder: Callable[[Path], Path]) -> Commands:
    """Where the embedded database is migrated already."""
    return Commands(migrated_folder(tmp_path / "data"))


@pytest.fixture
def run_on_server(tmp_path: Path, postgres_url: str) -> Commands:
    """On a database server."""
    return Commands(tmp_path / "data", DATABASE_URL=postgres_url, SECRET_KEY=SECRET)


@pytest.fixture
async def runtime(postgres_url: str, tmp_path: Path) -> AsyncIterator[Runtime]:
    """The services of what `run_on_server` runs on."""
    settings = Settings.load(database_url=postgres_url, data_dir=tmp_path / "data", secret_key=SECRET)
    async with open_runtime(settings) as opened:
        opened.database.bind()
        yield opened


def embedded_runtime(run: Commands) -> AbstractAsyncContextManager[Runtime]:
    """The commands' own folder, opened as they open it."""
    return open_runtime(Settings.load(data_dir=run.data_dir, database_url="", secret_key=""))


def is_one_line(text: str) -> bool:
    return text.startswith("error: ") and text.count("\n") == 1 and "Traceback" not in text


async def test_help_lists_the_commands(run: Commands) -> None:
    result = await run("--help")
    assert result.status == 0
    for command in ("serve", "migrate", "create-admin", "token", "unlink", "demo", "run-job"):
        assert f"\n  {command} " in result.out
    assert not run.data_dir.exists()


async def test_migrating_twice_applies_everything_once(run: Commands) -> None:
    first, second = await run("migrate"), await run("migrate")
    assert (first.status, second.status) == (0, 0)
    assert first.out.startswith("applied 0001_initial\napplied 0002_rules\n")
    assert second.out == "The database is up to date.\n"


async def test_an_admin_made_on_a_fresh_machine_gets_a_token_that_works(run: Commands) -> None:
    made = await run("create-admin", "--email", "Ada@Example.org", "--name", "Ada", "--password-stdin", stdin=PASSWORD)
    issued = await run("token", "ada@example.ORG")

    assert (made.status, made.out, made.err) == (0, "System admin ada@example.org has been made.\n", "")
    assert (issued.status, issued.err) == (0, "")
    async with embedded_runtime(run) as runtime:
        principal = await runtime.authenticator.authenticate(issued.out.strip())
        assert principal.is_system_admin
        assert (await runtime.accounts.login("ada@example.org", PASSWORD)).user.id == principal.user_id


async def test_the_password_is_asked_for_twice(run_again: Commands) -> None:
    admin = ("create-admin", "--email", "a@example.org", "--name", "Ada")
    unlike = await run_again(*admin, stdin=f"{PASSWORD}\nanother password\n")
    assert unlike.status == 1
    assert "do not match" in unlike.out + unlike.err

    result = await run_again(*admin, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.status == 0
    async with embedded_runtime(run_again) as runtime:
        assert (await runtime.accounts.login("a@example.org", PASSWORD)).user.name == "Ada"


async def test_a_refused_admin_costs_one_line_and_makes_nobody(run_on_server: Commands, runtime: Runtime) -> None:
    await make_user(email="taken@example.org")
    name = ("--name", "Ada", "--password")
    refused = [
        await run_on_server("create-admin", "--email", "taken@example.org", *name, PASSWORD),
        await run_on_server("create-admin", "--email", "new@example.org", *name, "short"),
        await run_on_server("create-admin", "--email", "new", *name, PASSWORD),
    ]
    assert [result.status for result in refused] == [1, 1, 1]
    assert [result.err for result in refused] == [
        "error: A user with this e-mail exists already.\n",
        "error: A password has at least 10 characters.\n",
        "error: An e-mail address looks like name@example.org.\n",
    ]
    assert await User.all().count() == 1


async def test_two_ways_to_give_a_password_exclude_each_other(run: Commands) -> None:
    both = ("--password", PASSWORD, "--password-stdin")
    result = await run("create-admin", "--email", "a@example.org", "--name", "Ada", *both)
    assert result.status == 2
    assert "exclude each other" in result.err


async def test_a_token_lasts_as_long_as_was_asked(run_again: Commands) -> None:
    async with embedded_runtime(run_again):
        user = await make_user()
    result = await run_again("token", user.email, "--expires", "60", SECRET_KEY=SECRET)
    clock = SystemClock()
    claims = Tokens(SECRET.encode(), clock=clock, expires_seconds=1).read(result.out.strip())
    assert claims.user_id == user.id
    assert timedelta(0) < claims.expires_at - clock.now() <= timedelta(seconds=60)


async def test_nobody_gets_no_token(run_again: Commands) -> None:
    result = await run_again("token", "nobody@example.org")
    assert (result.status, result.out, result.err) == (1, "", "error: There is no such user.\n")
    assert (await run_again("token", "nobody@example.org", "--expires", "0")).status == 2


async def test_a_user_is_let_go_by_the_identity_provider_once(run_on_server: Commands, runtime: Runtime) -> None:
    user = await make_user(identity_issuer="https://id.example", identity_subject="1001")
    first, second = await run_on_server("unlink", user.email), await run_on_server("unlink", user.email)
    assert (first.status, first.out) == (0, "The user is no longer linked to the identity provider.\n")
    assert (second.status, second.err) == (1, "error: The user is not linked to the identity provider.\n")
    row = await User.get(id=user.id)
    assert (row.identity_issuer, row.identity_subject) == (None, None)


async def test_the_demo_command_prints_users_and_makes_them_once(run_again: Commands) -> None:
    first, second = await run_again("demo"), await run_again("demo")
    assert (first.status, second.status) == (0, 0)
    assert "The demo district has been made." in first.out
    assert "The demo district is there." in second.out
    assert "GraphiQL: http://127.0.0.1:8000/graphql\n" in first.out
    assert "  film@demo.example     teacher in South School who films lessons" in first.out
    assert first.out.count('{"Authorization": "Bearer ') == 6
    assert "Take care" not in first.out


async def test_the_demo_command_warns_where_others_can_reach_the_service(run_again: Commands) -> None:
    result = await run_again("demo", HOST="0.0.0.0", STORAGE_BACKEND="memory")  # noqa: S104 - nothing is bound
    assert result.status == 0
    assert "Take care: whoever reaches 0.0.0.0:8000 can sign in with that password." in result.out


async def test_a_job_clears_what_is_due_and_says_so(run_on_server: Commands, runtime: Runtime) -> None:
    user = await make_user()
    content = b"never finished"
    abandoned = await make_file(
        user,
        content=content,
        status=FileStatus.PENDING,
        storage=runtime.storage,
        lease_expires_at=runtime.clock.now() - timedelta(days=1),
    )
    kept = await make_file(user, content=b"kept", storage=runtime.storage)

    rehearsal = await run_on_server("run-job", "expired_upload_cleanup", "--dry-run")
    assert rehearsal.status == 0
    assert "this is what it would do\n  files deleted: 1\n  bytes freed: " in rehearsal.out
    assert (await File.get(id=abandoned.id)).status is FileStatus.PENDING

    result = await run_on_server("run-job", "expired_upload_cleanup")
    assert result.status == 0
    assert "done\n  files deleted: 1\n" in result.out
    assert [file.id for file in await File.all()] == [kept.id]
    assert (await UserStorage.get(user_id=user.id)).used_bytes == 4
    stored = [found.key async for found in runtime.storage.list("local")]
    assert stored == [kept.storage_key]


async def test_a_job_that_fails_in_part_says_so_and_keeps_what_is_left(run_again: Commands) -> None:
    async with embedded_runtime(run_again):
        stuck = await make_file(status=FileStatus.PURGING)
    (run_again.data_dir / "files" / stuck.storage_key / "in the way").mkdir(parents=True)

    result = await run_again("run-job", "expired_upload_cleanup")

    assert result.status == 1
    assert "  files deleted: 0\n" in result.out
    assert "  failed: 1\n" in result.out
    async with embedded_runtime(run_again):
        assert (await File.get(id=stuck.id)).purge_attempts == 1


async def test_a_job_nobody_knows_is_refused(run: Commands) -> None:
    result = await run("run-job", "tidy_up")
    assert result.status == 2
    assert all(job.value in result.err for job in JobName)


async def test_every_job_can_be_run_and_leaves_a_row(run_on_server: Commands, runtime: Runtime) -> None:
    for job in JobName:
        result = await run_on_server("run-job", job.value)
        assert (result.status, result.err) == (0, "")
        assert result.out.startswith(f"{job.value}: done\n")
        found = await JobRun.get(job=job)
        assert (found.status, found.dry_run, found.requested_by_id) == (JobStatus.SUCCEEDED, False, None)
    assert (
        "  users checked: 0\n  users updated: 0\n  discrepancies: 0\n"
        in (await run_on_server("run-job", "quota_reconciliation", "--dry-run")).out
    )
    assert await JobRun.filter(dry_run=True).count() == 1


@pytest.mark.parametrize("command", [("migrate",), ("serve",), ("demo",), ("token", "a@example.org")])
async def test_a_wrong_setting_stops_every_command_with_one_line(run: Commands, command: tuple[str, ...]) -> None:
    result = await run(*command, PORT="many")
    assert result.status == 2
    assert result.err.startswith("error: PORT: ")
    assert is_one_line(result.err)


async def test_a_database_that_is_down_costs_one_line_without_the_password(run: Commands) -> None:
    url = "postgres://satchel:tell-nobody@127.0.0.1:1/satchel"
    result = await run("migrate", DATABASE_URL=url, SECRET_KEY=SECRET)
    assert result.status == 1
    assert is_one_line(result.err)
    assert "tell-nobody" not in result.err


async def test_a_damaged_database_costs_one_line(run: Commands) -> None:
    run.data_dir.mkdir()
    (run.data_dir / "satchel.sqlite3").write_text("this is no database, " * 100)
    result = await run("token", "a@example.org")
    assert result.status == 1
    assert is_one_line(result.err)


async def test_an_older_data_folder_is_brought_up_to_date_by_any_command(run: Commands) -> None:
    run.data_dir.mkdir()
    with closing(sqlite3.connect(run.data_dir / "satchel.sqlite3")) as empty:
        empty.execute("SELECT 1")
    assert (await run("token", "a@example.org")).err == "error: There is no such user.\n"
