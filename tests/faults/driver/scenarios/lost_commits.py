"""Statements and COMMITs whose answer is lost, or that the database never hears of: unknown is not no."""

from collections.abc import Callable, Sequence

from tests.faults.driver.act import Act, Scenario
from tests.faults.postgres import Moment, is_commit

_CLIENTS = 6


def _has(words: str) -> Callable[[str], bool]:
    return lambda statement: words in statement


_STATEMENTS: Sequence[Callable[[str], bool]] = (
    is_commit,
    is_commit,
    _has("INSERT INTO files"),
    _has("status = 'ACTIVE', size_bytes"),
    _has("DELETE FROM files"),
)


async def _run(act: Act) -> None:
    crowd = await act.crowd()
    async with crowd.busy(_CLIENTS):
        for _ in range(act.rounds):
            moment = Moment.AFTER if act.chance.random() < 0.7 else Moment.BEFORE
            act.world.postgres.interrupt(act.chance.choice(_STATEMENTS), moment, times=1)
            await act.pause(0.05, 0.25)
            if act.chance.random() < 0.2:
                await act.client.run_job(crowd.address(), act.world.admin, "EXPIRED_UPLOAD_CLEANUP")


SCENARIO = Scenario("commits whose answer is lost", _run, short=20, full=300)
