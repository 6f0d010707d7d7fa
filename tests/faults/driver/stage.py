"""Plays scenarios one after the other. Those that need the same deployment share it, with all that it has been through."""

import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.faults.driver.act import Act, Result, Scenario, failed, perform
from tests.faults.driver.servers import Servers
from tests.faults.driver.world import Needs, World, deployment


class Stage:
    """The deployment of the moment."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        self._servers = servers
        self._folder = folder
        self._stack = AsyncExitStack()
        self._world: World | None = None
        self._built = 0

    async def world(self, needs: Needs) -> World:
        """The one that is there, if it is what is needed; else a new one."""
        if self._world is None or self._world.needs != needs:
            await self.clear()
            self._built += 1
            folder = self._folder / f"world-{self._built}"
            self._world = await self._stack.enter_async_context(deployment(self._servers, folder, needs))
        return self._world

    async def clear(self) -> None:
        """Take it down: what one scenario has broken, the next one must not be blamed for."""
        self._world = None
        await self._stack.aclose()


async def play(
    servers: Servers, scenarios: Sequence[tuple[Scenario, int]], *, seed: int, artefacts: Path
) -> AsyncGenerator[Result, None]:
    """The results of scenarios, each with so many rounds. Of one that broke a promise, `artefacts` has the logs."""
    async with _stage(servers) as stage:
        for scenario, rounds in scenarios:
            try:
                world = await stage.world(scenario.needs)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next one may be more fortunate
                yield failed(scenario, error)
                await stage.clear()
                continue
            act = Act(world, Random(f"{seed} {scenario.name}"), rounds)
            result = await perform(scenario, act)
            if result.violations:
                _keep(act, artefacts / scenario.name.replace(" ", "-"))
                await stage.clear()
            yield result


def _keep(act: Act, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for log in act.world.folder.glob("*.log"):
        shutil.copy(log, folder)
    act.journal.save(folder / "journal.jsonl")


@asynccontextmanager
async def _stage(servers: Servers) -> AsyncIterator[Stage]:
    with TemporaryDirectory(prefix="satchel-faults-") as folder:
        stage = Stage(servers, Path(folder).resolve())
        try:
            yield stage
        finally:
            await stage.clear()
