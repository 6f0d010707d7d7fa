"""The command line: `python -m app serve | worker | scheduler | migrate | create-admin | token | unlink | demo | health |
run-job`.

Errors are one readable line on standard error: status 2 for a wrong setting or argument, 1 for everything else. Commands import
what they need when they run, so that `--help` is quick.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import click

from app.errors import NotFound, SatchelError

if TYPE_CHECKING:
    from app.models import User
    from app.runtime import Runtime
    from app.services.demo import Person
    from app.settings import Settings

T = TypeVar("T")

_MAX_SECONDS = 315_360_000  # ten years, as for every setting in seconds
# As app.models.JobName has them; importing the models takes longer than all the rest of --help.
JOBS = ("orphaned_file_cleanup", "quota_reconciliation", "expired_upload_cleanup")
_HEALTH_SECONDS = 3.0  # shorter than the patience of those who run the check
_CAPITAL = re.compile("[A-Z]")

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Commands(click.Group):
    """Turns whatever a command raises into one line and a status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - the last resort of a command line: a line instead of a traceback
            from app.settings import SettingsError  # whatever raises it has imported it

            if isinstance(error, SettingsError):
                _fail(str(error), status=2)
            _fail(describe(error), status=1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Satchel stores files for learning platforms. Settings come from the environment: see the README."""


@main.command(short_help="Serve until SIGTERM or Ctrl-C.")
@click.option(
    "--demo", is_flag=True, help="Make the demo district once, and print its users and tokens at every start."
)
def serve(demo: bool) -> None:
    """Bring the database up to date and serve until SIGTERM or Ctrl-C."""
    from app.main import create_app
    from app.persisted import read_manifest
    from app.server import Server
    from app.settings import Settings, SettingsError
    from app.stores import check_stores
    from app.telemetry.logs import configure_logging

    settings = Settings.load()
    if demo and not settings.embedded:
        variable = "REDIS_URL" if settings.has_embedded_database else "DATABASE_URL"
        raise SettingsError(
            f"{variable}: --demo is for the embedded database; `python -m app demo` asks for it anywhere"
        )
    settings.signing_key()  # an unusable key stops the start here, with one line
    if settings.persisted_queries_file is not None:
        read_manifest(settings.persisted_queries_file)  # and so does a file that holds no documents
    check_stores(settings)  # and a store that cannot be meant
    configure_logging(settings.log_level)
    listener = _listener("HOST, PORT", settings.host, settings.port)
    with listener, suppress(KeyboardInterrupt):  # Ctrl-C is the ordinary end of a server in a terminal
        _run(_migrate(settings))
        Server(create_app(settings, on_start=_offer_demo if demo else None), settings).run(sockets=[listener])


@main.command(short_help="Work on jobs until SIGTERM or Ctrl-C.")
def worker() -> None:
    """Work on runs of jobs until SIGTERM or Ctrl-C. For deployments with Redis; as many as there is work for."""
    from workers.main import run_worker

    _run_beside_redis("worker", run_worker)


@main.command(short_help="Start jobs when they are due, until SIGTERM or Ctrl-C.")
def scheduler() -> None:
    """Start runs of jobs when they are due, until SIGTERM or Ctrl-C. For deployments with Redis; a second one does no harm."""
    from workers.main import run_scheduler

    _run_beside_redis("scheduler", run_scheduler)


@main.command(short_help="Bring the database up to date.")
def migrate() -> None:
    """Bring the database up to date. Safe to run from several processes at once."""
    from app.settings import Settings

    applied = _run(_migrate(Settings.load()))
    for name in applied:
        click.echo(f"applied {name}")
    click.echo("The database is up to date.")


@main.command("create-admin", short_help="Make a system admin.")
@click.option("--email", required=True, help="The address to sign in with.")
@click.option("--name", required=True, help="The person's name.")
@click.option("--password", help="The password; without it, it is asked for.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
def create_admin(email: str, name: str, password: str | None, password_stdin: bool) -> None:
    """Make a user who administers the whole system."""
    if password is not None and password_stdin:
        raise click.UsageError("--password and --password-stdin exclude each other")
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif password is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    chosen: str = password

    async def work(runtime: Runtime) -> str:
        return (await runtime.accounts.create_admin(email, name, chosen)).email

    click.echo(f"System admin {_with_runtime(work)} has been made.")


@main.command(short_help="Print a token of a user.")
@click.argument("email")
@click.option(
    "--expires",
    type=click.IntRange(1, _MAX_SECONDS),
    metavar="SECONDS",
    help="How long it is valid; default: TOKEN_EXPIRES_SECONDS.",
)
def token(email: str, expires: int | None) -> None:
    """Print a token of the user with this e-mail, and nothing else."""

    async def work(runtime: Runtime) -> str:
        return (await runtime.accounts.token_for(email, expires)).token

    click.echo(_with_runtime(work))


@main.command(short_help="Let go of a user's identity at the provider.")
@click.argument("email")
def unlink(email: str) -> None:
    """Forget who the user with this e-mail is to the identity provider.

    The next identity that has this address there, verified, takes the place: for an account that was made anew.
    """

    async def work(runtime: Runtime) -> None:
        await runtime.accounts.unlink(email)

    _with_runtime(work)
    click.echo("The user is no longer linked to the identity provider.")


@main.command(short_help="Make the demo district and print it.")
def demo() -> None:
    """Make the demo district unless it is there, and print its users with fresh tokens.

    Its users share a well-known password: keep it away from a service that others can reach.
    """
    _with_runtime(_show_demo)


@main.command(short_help="Ask a process on this machine whether it lives.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where it answers; default: PORT, where a server does.")
def health(port: int | None) -> None:
    """Ask a process on this machine whether it lives; status 1 when it does not. For the health checks of containers.

    A worker or scheduler answers where METRICS_PORT says.
    """
    import http.client

    if port is None:
        from app.settings import Settings

        port = Settings.load().port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        _fail(describe(error), status=1)
    if status != 200:
        _fail(f"/healthz answered {status}", status=1)
    click.echo("ok")


@main.command("run-job", short_help="Run a job here and now.")
@click.argument("name", type=click.Choice(JOBS))
@click.option("--dry-run", is_flag=True, help="Only say what it would do.")
def run_job(name: str, dry_run: bool) -> None:
    """Run a job here and now, and print what it did; status 1 when something of it failed.

    A run that is unfinished already is worked on, together with whoever else is at it.
    """
    from app.job_command import run_here

    run, summary = _with_runtime(lambda runtime: run_here(runtime, name, dry_run=dry_run))
    done = "this is what it would do" if run.dry_run else "done"
    click.echo(f"{name}: {done if run.error is None else 'failed'}")
    for key, value in summary.items():
        click.echo(f"  {_CAPITAL.sub(_spaced, key)}: {value}")
    if run.error is not None:
        _fail(run.error, status=1)
    if summary.get("failed"):
        sys.exit(1)


def describe(error: BaseException) -> str:
    """One line about an error, for a person at a terminal."""
    from schema.errors import tell

    if isinstance(error, NotFound):
        return f"There is no such {error.kind}."
    if isinstance(error, SatchelError):
        return tell(error, request_id="").message
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _fail(line: str, *, status: int) -> NoReturn:
    click.echo(f"error: {line}", err=True)
    sys.exit(status)


def _listener(variables: str, host: str, port: int) -> socket.socket:
    from app.web.listener import bound_socket

    try:
        return bound_socket(host, port)
    except OSError as error:
        _fail(f"{variables}: cannot listen on {host}:{port}: {error.strerror}", status=1)


class _RunProcess(Protocol):
    def __call__(self, settings: Settings, *, listener: socket.socket | None) -> Coroutine[Any, Any, None]: ...


def _run_beside_redis(kind: str, run: _RunProcess) -> None:
    from app.settings import Settings, SettingsError
    from app.telemetry.logs import configure_logging

    settings = Settings.load()
    if not settings.redis_url:
        raise SettingsError(f"REDIS_URL: a {kind} needs it; without Redis `serve` does all jobs itself")
    configure_logging(settings.log_level)
    listener = None
    if settings.metrics_port:
        listener = _listener("METRICS_HOST, METRICS_PORT", settings.metrics_host, settings.metrics_port)

    async def process() -> None:
        await _migrate(settings)
        await run(settings, listener=listener)

    _run(process())


async def _migrate(settings: Settings) -> list[str]:
    from app.db import migrate as apply_migrations

    return await apply_migrations(settings.resolved_database_url)


def _with_runtime(work: Callable[[Runtime], Awaitable[T]]) -> T:
    """Run `work` on a runtime of its own. As `serve` does, it brings the database up to date first."""
    from app.runtime import open_runtime
    from app.settings import Settings
    from app.telemetry.logs import configure_logging

    settings = Settings.load()
    configure_logging("warning")  # what a command has to say it prints

    async def process() -> T:
        await _migrate(settings)
        async with open_runtime(settings) as runtime:
            return await work(runtime)

    return _run(process())


def _run(work: Coroutine[Any, Any, T]) -> T:
    import asyncio  # half of the time that --help takes

    return asyncio.run(work)


def _spaced(capital: re.Match[str]) -> str:
    return f" {capital[0].lower()}"


async def _show_demo(runtime: Runtime) -> None:
    from app.services.demo import Demo

    district = Demo(runtime.database, runtime.passwords, runtime.uploads, runtime.clock)
    made = await district.make()
    click.echo(await _demo_text(runtime, await district.users(), made=made))


async def _offer_demo(runtime: Runtime) -> None:
    try:
        await _show_demo(runtime)
    except SatchelError as error:  # no reason for a server not to start
        click.echo(f"error: {describe(error)}", err=True)


async def _demo_text(runtime: Runtime, users: list[tuple[Person, User]], *, made: bool) -> str:
    from app.services.demo import PASSWORD
    from schema.errors import human_bytes

    settings = runtime.settings
    limits = await runtime.limits.effective_many([user.id for _, user in users])
    lines = [
        "",
        f"The demo district {'has been made' if made else 'is there'}. Its users share the password {PASSWORD}",
        "",
    ]
    for person, user in users:
        limit = limits[user.id]
        room = f"{human_bytes(limit.max_file_size_bytes)} a file, {human_bytes(limit.storage_quota_bytes)} in all"
        source = limit.source.lower().replace("_", " ")
        lines.append(f"  {user.email:22}{person.who:47}{room:33}{source}")
    lines += [
        "",
        f"GraphiQL: {settings.resolved_public_url}/graphql",
        "Sign in there, by password or with one of these lines:",
        "",
    ]
    for _, user in users:
        issued = await runtime.accounts.token_for(user.email)
        lines += [f"  {user.email}", json.dumps({"Authorization": f"Bearer {issued.token}"}), ""]
    if settings.host not in _LOOPBACK:
        lines += [f"Take care: whoever reaches {settings.host}:{settings.port} can sign in with that password.", ""]
    return "\n".join(lines)
