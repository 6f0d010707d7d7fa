"""In which states a file can be after what was done to it, when nobody knows in which order that took effect.

An operation that was answered took effect at one moment between its beginning and its end; one whose answer was lost at any
moment from its beginning on, or never; one that was refused not at all.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cache

from tests.faults.driver.journal import Kind, Operation, Outcome

_MOST = 18  # operations on one file beyond which everything is thought possible


class State(StrEnum):
    """Where a file is."""

    ACTIVE = "ACTIVE"
    TRASH = "SOFT_DELETED"
    GONE = "gone"


ANY = frozenset(State)

_STEPS: dict[Kind, dict[State, State]] = {
    Kind.DELETE: {State.ACTIVE: State.TRASH},
    Kind.RESTORE: {State.TRASH: State.ACTIVE},
    Kind.PURGE: {State.TRASH: State.GONE},
    Kind.EMPTY: {State.TRASH: State.GONE, State.ACTIVE: State.ACTIVE, State.GONE: State.GONE},
    Kind.RENAME: {State.ACTIVE: State.ACTIVE},
    Kind.READ: {State.ACTIVE: State.ACTIVE},
}


def final_states(history: Sequence[Operation], *, swept: bool = False) -> frozenset[State]:
    """The states that a file may be in at the end; none when the answers contradict each other.

    `history` begins with the upload, which was OK. `swept`: a job may have purged it at any time that it lay in the trash.
    """
    upload, *others = history
    counted = [
        one
        for one in others
        if one.outcome is not Outcome.FAILED and not (one.kind is Kind.EMPTY and one.ended < upload.started)
    ]
    if len(counted) > _MOST:
        return ANY
    steps = [_STEPS[one.kind] for one in counted]
    sure = [one.outcome is Outcome.OK for one in counted]

    @cache
    def reach(left: frozenset[int], state: State) -> frozenset[State]:
        found = set() if any(sure[one] for one in left) else {state}
        # Whatever takes effect next began before the first of those that are over had ended.
        deadline = min((counted[one].ended for one in left if sure[one]), default=float("inf"))
        for one in left:
            if counted[one].started <= deadline and state in steps[one]:
                found |= reach(left - {one}, steps[one][state])
        if swept and state is State.TRASH:
            found |= reach(left, State.GONE)
        return frozenset(found)

    return reach(frozenset(range(len(counted))), State.ACTIVE)
