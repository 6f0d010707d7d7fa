"""What a driver raises when not the statement is wrong: SQLite's comes as Tortoise's errors, asyncpg's as it is."""

from dataclasses import dataclass

Kinds = tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True)
class DriverErrors:
    """`away`: the database is not there or too busy, for now. `conflict`: two units stood in each other's way."""

    away: Kinds = ()
    conflict: Kinds = ()


def driver_errors(dialect: str) -> DriverErrors:
    """Those of the dialect's driver; asyncpg is loaded by those who use it only."""
    if dialect == "sqlite":
        return DriverErrors()
    from asyncpg import exceptions

    return DriverErrors(
        away=(
            exceptions.PostgresConnectionError,
            exceptions.InterfaceError,
            exceptions.InternalClientError,  # what asyncpg comes to when a server dies in the middle of an answer
            exceptions.OperatorInterventionError,
            exceptions.InsufficientResourcesError,
        ),
        conflict=(exceptions.DeadlockDetectedError, exceptions.SerializationError),
    )
