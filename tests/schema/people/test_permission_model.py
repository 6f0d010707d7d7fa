"""R7 against chance: generated districts, and every answer of the API compared with a model of the permission table.

In each example everybody, nobody and somebody with a dead token try mutations; the model says what each of them gets, and
what the school is like then. After that they ask for everything there is, in every way there is.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.db import Database
from app.models import User
from tests.fixtures.app import Answer, Person, Satchel, running
from tests.fixtures.ledger import assert_ledger_is_true
from tests.schema.people.expected_answers import Question, Viewer
from tests.schema.people.generated_schools import Names, clear, make_table, make_turns, write
from tests.schema.people.permission_model import (
    AVATAR_MUTATIONS,
    FILE_MUTATIONS,
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHENTICATED,
    Act,
    Table,
)

pytestmark = pytest.mark.requirement("R7")

# One application for all examples: each begins by clearing its database.
# Failures are shown as they are found, by the one question that was answered otherwise: a smaller school would say no more.
_shared = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
short = settings(_shared, max_examples=7, derandomize=True, database=None)
long = settings(_shared, max_examples=200)
_PER_REQUEST = 36  # root fields: with all that is below them, within the bounds of a document

_TARGETS = {
    "File": "id",
    "UserAvatar": "userId",
    "GroupAvatar": "groupId",
    "ClassAvatar": "classId",
    "Attachment": "assignmentId",
    "GroupMember": "groupId",
    "ClassMember": "classId",
    "UserLimits": "userId",
    "GroupRoleLimits": "groupId",
    "createClass": "groupId",
    "createAssignment": "classId",
}
_FAMILIES = [
    FILE_MUTATIONS,
    AVATAR_MUTATIONS,
    ("addAssignmentAttachment", "removeAssignmentAttachment"),
    ("setGroupMember", "setClassMember"),
    ("setUserLimits", "setGroupRoleLimits"),
    ("createClass", "createAssignment"),
]
_MADE = {"createClass": "class { uuid }", "createAssignment": "assignment { uuid }"}


class Trials:
    """The application in which one school after the other is tried, and how often each answer was right."""

    def __init__(self, satchel: Satchel) -> None:
        self.satchel = satchel
        self.whole = False
        self.asked = 0
        self.done: Counter[tuple[str, str | None]] = Counter()

    async def run(self, chance: Random) -> None:
        """One example, made from the seed that Hypothesis chose: its own draws are mostly of schools that are all alike."""
        table = make_table(chance)
        everybody = make_turns(chance, table, acts=16)
        database = self.satchel.runtime.database
        self.whole = False
        trial = Trial(self, table, await database.transaction(partial(_rewrite, database, table)))
        await trial.sign_in()
        for actor, acts in everybody:
            await trial.take_turn(actor, acts)
        for actor, _ in everybody:
            await trial.ask_everything(actor)
        await assert_ledger_is_true(database)
        self.whole = True

    def assert_enough(self) -> None:
        """Many cases, and of each kind of mutation some that were done, and some that were refused in each way."""
        if not self.whole:
            return  # the test has failed already, and says more
        assert self.asked >= 500
        for family in _FAMILIES:
            found = {code for mutation, code in self.done if mutation in family}
            assert found >= {None, FORBIDDEN, NOT_FOUND, UNAUTHENTICATED}, family


async def _rewrite(database: Database, table: Table) -> Names:
    await clear(database)
    return await write(table)


class Trial:
    """One example: a school in the database, and the model of it."""

    def __init__(self, trials: Trials, table: Table, names: Names) -> None:
        self._trials = trials
        self._satchel = trials.satchel
        self._table = table
        self._names = names

    async def sign_in(self) -> None:
        """Tokens for everybody; then some of them are deactivated."""
        for name in self._table.users:
            await User.filter(id=self._names[name]).update(is_system_admin=name in self._table.system_admins)
            user = await User.get(id=self._names[name])
            issued = await self._satchel.runtime.accounts.token_for(user.email)
            self._satchel.people[name] = Person(user, issued.token)
            if name in self._table.deactivated:
                await User.filter(id=user.id).update(deactivated_at=self._satchel.clock.now())

    async def take_turn(self, actor: str | None, acts: Sequence[Act]) -> None:
        """Mutations of one person, in one document: they are done in order."""
        fields = [f"m{n}: {mutation_of(act, self._names)}" for n, act in enumerate(acts)]
        answer = await self._satchel.graphql(f"mutation {{ {' '.join(fields)} }}", by=actor)
        codes = {error["path"][0]: error["extensions"]["code"] for error in answer.errors}
        for number, act in enumerate(acts):
            key = f"m{number}"
            expected = self._table.act(actor, act)
            assert (actor, act, codes.get(key)) == (actor, act, expected)
            assert (answer.data[key] is None) == (expected is not None)
            if expected is None and act.mutation in _MADE:
                self._remember(act, answer.data[key])
            self._trials.done[act.mutation, expected] += 1

    async def ask_everything(self, actor: str | None) -> None:
        """Every question of one person, in as few requests as the bounds of a document allow."""
        questions = Viewer(self._table, self._names, actor).questions()
        for start in range(0, len(questions), _PER_REQUEST):
            asked = questions[start : start + _PER_REQUEST]
            fields = [f"q{n}: {question.query}" for n, question in enumerate(asked)]
            answer = await self._satchel.graphql(f"{{ {' '.join(fields)} }}", by=actor)
            for number, question in enumerate(asked):
                self._compare(actor, question, answer, f"q{number}")
        self._trials.asked += len(questions)

    def _compare(self, actor: str | None, question: Question, answer: Answer, key: str) -> None:
        assert answer.data is not None, answer
        errors = {tuple(e["path"][1:]): e["extensions"]["code"] for e in answer.errors if e["path"][0] == key}
        found = (self._names.back(answer.data[key]), errors)
        assert found == (question.value, question.errors), (actor, question.query, self._table)

    def _remember(self, act: Act, payload: dict[str, Any]) -> None:
        """What was made is there from now on."""
        made = payload["class" if act.mutation == "createClass" else "assignment"]["uuid"]
        known = self._table.classes if act.mutation == "createClass" else self._table.assignments
        name = f"new{len(self._names.ids)}"
        known[name] = act.target
        self._names.add(name, made)


def mutation_of(act: Act, names: Names) -> str:
    """What an act is in GraphQL."""
    target = next(name for suffix, name in _TARGETS.items() if act.mutation.endswith(suffix))
    fields = [f'{target}: "{names[act.target]}"']
    if act.other:
        fields.append(f'{"userId" if "Member" in act.mutation else "fileId"}: "{names[act.other]}"')
    if act.role:
        fields.append(f"role: {act.role}")
    if act.size:
        fields.append(f"maxFileSizeBytes: {act.size}")
    if act.mutation in {"renameFile", "createClass"}:
        fields.append('name: "another name"')
    if act.mutation == "createAssignment":
        fields.append('title: "one more"')
    return f"{act.mutation}(input: {{{', '.join(fields)}}}) {{ {_MADE.get(act.mutation, '__typename')} }}"


@pytest.fixture
async def trials(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Trials]:
    """Trials on SQLite: the files have rows and no bytes."""
    async with running(sqlite_url, "memory", tmp_path, {}) as satchel:
        made = Trials(satchel)
        yield made
        made.assert_enough()


@pytest.fixture
async def trials_everywhere(school_database_url: str, tmp_path: Path) -> AsyncIterator[Trials]:
    """Trials on SQLite and on PostgreSQL."""
    async with running(school_database_url, "memory", tmp_path, {}) as satchel:
        made = Trials(satchel)
        yield made
        made.assert_enough()


@pytest.mark.timeout(1800)  # of a machine that has other things to do
@short
@given(st.randoms(use_true_random=True))
async def test_every_answer_is_that_of_the_table(trials: Trials, chance: Random) -> None:
    await trials.run(chance)


@pytest.mark.long
@long
@given(st.randoms(use_true_random=True))
async def test_so_it_is_in_hundreds_of_schools(trials_everywhere: Trials, chance: Random) -> None:
    await trials_everywhere.run(chance)
