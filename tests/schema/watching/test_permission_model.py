"""R7 against chance: in generated districts everybody listens while everybody acts, memberships change, and the model of the
permission table says who was to hear of what.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.db import Database
from app.events import FileUploaded
from app.models import User
from schema.ids import global_id
from schema.schema import SatchelSchema
from tests.fixtures.app import Person, Satchel, running
from tests.fixtures.ears import Ear
from tests.fixtures.watching import subscribed
from tests.schema.people.generated_schools import Names, clear, make_table, make_turns, write
from tests.schema.people.permission_model import FILE_MUTATIONS, Act, Table
from tests.schema.people.test_permission_model import mutation_of

pytestmark = pytest.mark.requirement("R7")

# As in the test of all other answers: one application for all examples, and no smaller example would say more.
_shared = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
short = settings(_shared, max_examples=6, derandomize=True, database=None)
long = settings(_shared, max_examples=100)

EVENTS = "subscription { fileEvents { type name fileId file { id } } }"
_TYPES = {"renameFile": "RENAMED", "deleteFile": "DELETED", "restoreFile": "RESTORED", "purgeFile": "PURGED"}


async def _rewrite(database: Database, table: Table) -> Names:
    await clear(database)
    return await write(table)


class Trial:
    """One district, in which everybody who can listens."""

    def __init__(self, satchel: Satchel, schema: SatchelSchema, table: Table, names: Names) -> None:
        self._satchel = satchel
        self._table = table
        self._names = names
        self._schema = schema
        self._ears: list[Ear] = []
        self._expected: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self._marks = 0
        self.heard = 0

    async def run(self, turns: list[tuple[str | None, list[Act]]]) -> None:
        """Everybody acts in turn; after each act that was done, everybody has heard of it before the next one."""
        await self._sign_in()
        self._ears = [
            Ear(self._satchel, self._schema, who, EVENTS) for who in self._satchel.people if who in self._table.users
        ]
        try:
            for ear in self._ears:
                ear.begin()
            await subscribed(self._satchel, len(self._ears))
            await self._mark()
            for actor, acts in turns:
                for act in acts:
                    await self._try(actor, act)
        finally:
            for ear in self._ears:
                await ear.close()
        names = {global_id("File", identifier): name for name, identifier in self._names.ids.items()}
        for ear in self._ears:
            events = [event for event in ear.heard if not event["name"].startswith("mark ")]
            found = [(event["type"], names[event["fileId"]]) for event in events]
            assert (ear.who, ear.error, found) == (ear.who, None, self._expected[ear.who]), self._table
            assert all(event["file"] is not None for event in events if event["type"] != "PURGED")
            self.heard += len(found)

    async def _sign_in(self) -> None:
        self._satchel.people.clear()
        for name in self._table.users:
            admin = name in self._table.system_admins
            await User.filter(id=self._names[name]).update(is_system_admin=admin)
            user = await User.get(id=self._names[name])
            if name in self._table.deactivated:
                await User.filter(id=user.id).update(deactivated_at=self._satchel.clock.now())
            else:
                issued = await self._satchel.runtime.accounts.token_for(user.email)
                self._satchel.people[name] = Person(user, issued.token)

    async def _try(self, actor: str | None, act: Act) -> None:
        if actor is None or actor in self._table.deactivated:
            return
        audience = self._audience(act)
        refusal = self._table.act(actor, act)
        answer = await self._satchel.graphql(f"mutation {{ m: {mutation_of(act, self._names)} }}", by=actor)
        assert answer.codes == ([] if refusal is None else [refusal]), (actor, act, answer)
        if refusal is None:
            for who in audience:
                self._expected[who].append((_TYPES[act.mutation], act.target))
            await self._mark()

    def _audience(self, act: Act) -> list[str]:
        """Who holds the file as things stand before the act."""
        if act.mutation not in FILE_MUTATIONS or act.target not in self._table.files:
            return []
        return [who for who in self._table.users if self._table.holds(who, act.target)]

    async def _mark(self) -> None:
        """Until everybody has heard of everything: of something of their own, which comes behind it."""
        self._marks += 1
        for ear in self._ears:
            owner = self._names[ear.who]
            self._satchel.runtime.events.emit(
                FileUploaded(
                    file_id=owner,
                    owner_id=owner,
                    group_id=None,
                    size_bytes=0,
                    location="memory",
                    file_name=f"mark {self._marks} {ear.who}",
                )
            )
        for ear in self._ears:
            await ear.until(f"mark {self._marks} {ear.who}")


class Trials:
    """The application in which one district after the other is tried, and how much was heard in all."""

    def __init__(self, satchel: Satchel) -> None:
        self._satchel = satchel
        self._schema = SatchelSchema()
        self.heard = 0
        self.whole = False

    async def run(self, chance: Random, acts: int) -> None:
        """One example."""
        self.whole = False
        table = make_table(chance)
        turns = make_turns(chance, table, acts=acts)
        database = self._satchel.runtime.database
        trial = Trial(
            self._satchel, self._schema, table, await database.transaction(partial(_rewrite, database, table))
        )
        await trial.run(turns)
        self.heard += trial.heard
        self.whole = True


@pytest.fixture
async def trials(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Trials]:
    """The files have rows and no bytes."""
    async with running(sqlite_url, "memory", tmp_path, {"rate_limits": False}) as satchel:
        made = Trials(satchel)
        yield made
        assert made.heard >= 10 or not made.whole


@pytest.mark.timeout(1800)  # of a machine that has other things to do
@short
@given(st.randoms(use_true_random=True))
async def test_everybody_hears_of_what_the_table_says_and_of_nothing_else(trials: Trials, chance: Random) -> None:
    await trials.run(chance, acts=8)


@pytest.mark.long
@long
@given(st.randoms(use_true_random=True))
async def test_so_it_is_in_a_hundred_districts(trials: Trials, chance: Random) -> None:
    await trials.run(chance, acts=16)
