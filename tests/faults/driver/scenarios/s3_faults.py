"""The store refuses, is silent, slow or busy, cuts, or its answer is lost: nothing is lost, and nothing is left."""

from collections.abc import Mapping

from tests.faults.driver.act import Act, Scenario
from tests.faults.driver.crowd import EVERYTHING, Habits
from tests.faults.faults import CutAnswer, CutRequest, Late, LostAnswer, Reset, Says, Silent, Slow
from tests.faults.proxy import Fault

_CLIENTS = 6
_HABITS = Habits(weights=EVERYTHING, in_parts=0.06, largest=200_000)

_FAULTS: Mapping[str, Fault] = {
    "reset": Reset(),
    "silent": Silent(),
    "silent before the body": Silent(reads_body=False),
    "slow": Slow(300_000),
    "late": Late(0.5),
    "503": Says(503, "SlowDown"),
    "503 before the body": Says(503, reads_body=False),
    "cut body": CutRequest(after=5_000),
    "cut answer": CutAnswer(after=50),
    "answer lost": LostAnswer(),
    "answer lost in silence": LostAnswer(silent=True),
}


async def _run(act: Act) -> None:
    world = act.world
    crowd = await act.crowd(quota=64 * 1024 * 1024, habits=_HABITS)
    async with crowd.busy(_CLIENTS):
        for _ in range(act.rounds):
            for fault in _FAULTS.values():
                # Now and then one is spared: some uploads shall get through to their second part or their completion.
                world.s3.inject(fault, when=lambda _: act.chance.random() < 0.7)
                await act.client.run_job(crowd.address(), world.admin, "EXPIRED_UPLOAD_CLEANUP")
                await act.pause(0.4, 0.8)
                world.s3.heal()
                await act.pause(0.1, 0.3)
            act.faults += 1
            await world.s3.go_down()
            await act.pause(0.5, 1)
            await world.s3.come_back()


SCENARIO = Scenario("S3 in trouble", _run, short=1, full=7)
