"""The port through which a run of a job finds somebody to work on it."""

from typing import Protocol
from uuid import UUID


class JobStarter(Protocol):
    """Wakes whoever works on runs. The run's row is the truth about it: a call that is lost costs time and nothing else."""

    async def wake(self, run_id: UUID) -> None:
        """Must return soon, and must not wait for the run. Called after the commit of the run's row. May raise: the caller
        goes on without it.
        """
        ...


class NobodyToWake:
    """For processes whose runs others look for, or that work on them themselves."""

    async def wake(self, run_id: UUID) -> None:
        """Nothing."""
