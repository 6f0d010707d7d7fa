"""PostgreSQL restarted under load, in order and by a crash: what was acknowledged is there, and service goes on by itself."""

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.journal import Outcome

_CLIENTS = 6


async def _run(act: Act) -> None:
    crowd = await act.crowd()
    async with crowd.busy(_CLIENTS):
        for number in range(act.rounds):
            await act.pause(0.5, 1.5)
            act.faults += 1
            await act.world.servers.restart_postgres(crash=number % 2 == 1)
    await act.pause(0.5, 1)
    for api in act.world.apis:
        outcomes = [await act.client.ask(api.base_url, crowd.people[0], "{ me { id } }", {}) for _ in range(8)]
        act.expect(outcomes[-1][0] is Outcome.OK, f"a server does not find back to its database: {outcomes[-1][1]}")


SCENARIO = Scenario("PostgreSQL restarted", _run, short=3, full=16)
