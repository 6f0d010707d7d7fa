"""Clients that are gone at a random place of what they send: nothing of it is there, unless all of it was."""

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.crowd import UPLOADS, Habits

_CLIENTS = 8


async def _run(act: Act) -> None:
    habits = Habits(weights=UPLOADS, aborted=0.9, in_parts=0.08, largest=500_000)
    crowd = await act.crowd(quota=64 * 1024 * 1024, habits=habits)
    await crowd.do(40 * act.rounds, _CLIENTS)


SCENARIO = Scenario("clients that hang up", _run, short=2, full=25)
