"""A proxy in front of PostgreSQL that knows which statement it passes on, and what becomes of its answer.

Of the protocol (PostgreSQL's manual, "Message Formats") it reads the messages of the client that carry or name SQL. A client
that waits for each answer before it asks again, as asyncpg does, has nothing else under way when a rule strikes.
"""

import asyncio
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.faults.http import CHUNK_BYTES
from tests.faults.listener import Stream, reset
from tests.faults.tcp import TcpProxy, first_to_end

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_READY = re.compile(rb"Z\x00\x00\x00\x05[ITE]\Z")


class Moment(Enum):
    """When a rule strikes."""

    BEFORE = auto()  # the server has not heard of the statement
    AFTER = auto()  # it has been carried out, and only the proxy knows


@dataclass(eq=False)
class Rule:
    """What happens to statements that fit: the connection breaks, or with `silent` it stays and nothing comes any more.

    `reached` is set when it has happened.
    """

    fits: Callable[[str], bool]
    moment: Moment
    silent: bool = False
    times: int | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)


class _Broken(ConnectionError):
    """The connection is over."""


@dataclass
class _Session:
    """What is known of one connection: the names of its prepared statements, and the rule that waits for an answer."""

    client: Stream
    server: Stream
    statements: dict[bytes, str] = field(default_factory=dict)
    losing: Rule | None = None

    def statement_of(self, kind: bytes, body: bytes) -> str | None:
        """The SQL that this message has carried out, if any."""
        if kind == b"Q":
            return body.rstrip(b"\0").decode(errors="replace")
        first, _, rest = body.partition(b"\0")
        second = rest.partition(b"\0")[0]
        if kind == b"P":
            self.statements[first] = second.decode(errors="replace")
        return self.statements.get(second) if kind == b"B" else None


class PostgresProxy(TcpProxy):
    """Passes everything on but what a rule is there for."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        super().__init__(upstream)
        self._rules: list[Rule] = []
        self.faults = 0  # how often one has happened

    def interrupt(
        self, fits: Callable[[str], bool], moment: Moment, *, silent: bool = False, times: int | None = None
    ) -> Rule:
        """Have this happen to every statement that fits from now on, or to the next `times` ones."""
        rule = Rule(fits, moment, silent, times)
        self._rules.append(rule)
        return rule

    def heal(self) -> None:
        """No more of it. What has befallen a connection already stays."""
        self._rules.clear()

    async def converse(self, client: Stream, server: Stream) -> None:
        """Greetings, then statement after statement."""
        await self._greet(client, server)
        session = _Session(client, server)
        try:
            await first_to_end(self._requests(session), self._answers(session))
        except _Broken:
            for _, writer in (client, server):
                reset(writer)

    async def _greet(self, client: Stream, server: Stream) -> None:
        while True:
            head = await client[0].readexactly(8)
            length, code = struct.unpack("!ii", head)
            await self.pass_on(head + await client[0].readexactly(length - 8), server[1])
            if code not in {_SSL_REQUEST, _GSS_REQUEST}:
                return
            await self.pass_on(await server[0].readexactly(1), client[1])

    async def _requests(self, session: _Session) -> None:
        waiting = bytearray()
        while data := await session.client[0].read(CHUNK_BYTES):
            waiting += data
            while len(waiting) >= 5 and len(waiting) > (length := struct.unpack_from("!i", waiting, 1)[0]):
                message = bytes(waiting[: length + 1])
                del waiting[: length + 1]
                if message[:1] in b"QPB":
                    await self._consider(session, session.statement_of(message[:1], message[5:]))
                session.server[1].write(message)
            await self.pass_on(b"", session.server[1])

    async def _consider(self, session: _Session, statement: str | None) -> None:
        rule = None if statement is None else self._rule_for(statement)
        if rule is None:
            return
        if rule.moment is Moment.AFTER:
            session.losing = rule
            return
        rule.reached.set()
        while rule.silent and await session.client[0].read(CHUNK_BYTES):
            pass  # until the client goes
        raise _Broken

    async def _answers(self, session: _Session) -> None:
        while data := await session.server[0].read(CHUNK_BYTES):
            if session.losing is None:
                await self.pass_on(data, session.client[1])
            elif _READY.search(data):
                session.losing.reached.set()
                if session.losing.silent:
                    await asyncio.Event().wait()  # that the client goes is noticed in the other direction
                raise _Broken

    def _rule_for(self, statement: str) -> Rule | None:
        for rule in self._rules:
            if rule.times != 0 and rule.fits(statement):
                rule.times = None if rule.times is None else rule.times - 1
                self.faults += 1
                return rule
        return None


def is_commit(statement: str) -> bool:
    """Whether this ends a transaction."""
    return statement.strip().upper().startswith("COMMIT")
