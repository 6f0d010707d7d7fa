"""Many uploads at once of one user with room for a few: exactly those that fit get in, or fewer when a server is killed."""

import asyncio

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.client import content_of
from tests.faults.driver.journal import Outcome

_SIZE = 100_000
_ROOM = 10
_ATTEMPTS = 40


async def _run(act: Act) -> None:
    apis = act.world.apis
    for number in range(act.rounds):
        await act.everyone_is_back()
        await asyncio.gather(*(api.ready() for api in apis))
        (person,) = await act.people(1, quota=_SIZE * _ROOM + 50)
        uploads = [
            asyncio.create_task(
                act.client.upload(person, content_of(_SIZE, act.chance), apis[one % len(apis)].base_url)
            )
            for one in range(_ATTEMPTS)
        ]
        disturbed = number % 2 == 1
        if disturbed:
            await act.pause(0.02, 0.4)
            await act.replace(act.chance.choice(apis))
        outcomes = [operation.outcome for operation in await asyncio.gather(*uploads)]
        won, lost = outcomes.count(Outcome.OK), outcomes.count(Outcome.UNKNOWN)
        act.expect(won <= _ROOM, f"{won} uploads got into room for {_ROOM}")
        act.expect(
            disturbed or (won, lost) == (_ROOM, 0), f"{won} of {_ROOM} uploads that fit got in, {lost} are unknown"
        )


SCENARIO = Scenario("quota stampede", _run, short=2, full=20)
