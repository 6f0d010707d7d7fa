"""The driver's reasoning about files that many clients change at once."""

from uuid import uuid4

import pytest

from tests.faults.driver.journal import Kind, Operation, Outcome
from tests.faults.driver.states import ANY, State, final_states

pytestmark = pytest.mark.requirement("R1")

OWNER = uuid4()


def done(kind: Kind, started: float, ended: float, outcome: Outcome = Outcome.OK) -> Operation:
    return Operation(kind, OWNER, started, ended=ended, outcome=outcome)


UPLOAD = done(Kind.UPLOAD, 0, 1)


def test_what_came_one_after_the_other_has_one_end() -> None:
    history = [UPLOAD, done(Kind.DELETE, 2, 3), done(Kind.RESTORE, 4, 5), done(Kind.READ, 6, 7)]
    assert final_states(history[:1]) == {State.ACTIVE}
    assert final_states(history[:2]) == {State.TRASH}
    assert final_states(history) == {State.ACTIVE}


def test_a_refusal_changes_nothing() -> None:
    assert final_states([UPLOAD, done(Kind.DELETE, 2, 3, Outcome.FAILED)]) == {State.ACTIVE}


def test_what_nobody_heard_of_may_have_happened_or_not() -> None:
    history = [UPLOAD, done(Kind.DELETE, 2, 3, Outcome.UNKNOWN)]
    assert final_states(history) == {State.ACTIVE, State.TRASH}
    # It may come late, but not before it was asked for.
    assert final_states([*history, done(Kind.READ, 4, 5)]) == {State.ACTIVE, State.TRASH}
    assert final_states([*history, done(Kind.PURGE, 4, 5)]) == {State.GONE}


def test_answers_that_contradict_each_other_leave_no_state() -> None:
    purged = [UPLOAD, done(Kind.DELETE, 2, 3), done(Kind.PURGE, 4, 5)]
    assert final_states([*purged, done(Kind.READ, 6, 7)]) == frozenset()
    assert final_states([*purged, done(Kind.RESTORE, 4.5, 7)]) == frozenset()


def test_at_the_same_time_either_order_is_possible() -> None:
    deleted = [UPLOAD, done(Kind.DELETE, 2, 3)]
    race = [*deleted, done(Kind.RESTORE, 4, 6), done(Kind.DELETE, 5, 7)]
    assert final_states(race) == {State.TRASH}
    assert final_states([*deleted, done(Kind.RESTORE, 4, 6), done(Kind.EMPTY, 5, 7)]) == {State.ACTIVE}
    unsure = [*deleted, done(Kind.RESTORE, 4, 6, Outcome.UNKNOWN), done(Kind.EMPTY, 5, 7)]
    assert final_states(unsure) == {State.ACTIVE, State.GONE}


def test_a_job_may_take_what_lies_in_the_trash() -> None:
    deleted = [UPLOAD, done(Kind.DELETE, 2, 3)]
    assert final_states(deleted, swept=True) == {State.TRASH, State.GONE}
    assert final_states([*deleted, done(Kind.RESTORE, 4, 5)], swept=True) == {State.ACTIVE}
    assert final_states([*deleted, done(Kind.EMPTY, 4, 5)], swept=True) == {State.GONE}


def test_of_a_crowd_of_operations_nothing_is_claimed() -> None:
    assert final_states([UPLOAD, *(done(Kind.READ, 2, 3) for _ in range(19))]) == ANY
