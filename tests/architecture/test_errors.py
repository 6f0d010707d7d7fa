"""Every domain error has a code that the printed schema publishes, a log level, and its row in the GraphQL table."""

from graphql import GraphQLEnumType

from app import errors
from app.errors import SatchelError
from schema.errors import TABLE
from tests.architecture.contract import printed_schema

# The levels of structlog's methods.
_LEVELS = {"debug", "info", "warning", "error", "critical"}


# Parts of the house refine these for themselves (a malformed body is a BadUserInput): such an error is told as its base is.
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SatchelError)]
ERRORS.remove(SatchelError)


def _names(kinds: set[type[SatchelError]]) -> list[str]:
    return sorted(kind.__name__ for kind in kinds)


def test_every_domain_error_has_its_row_in_the_graphql_table() -> None:
    assert _names(set(ERRORS) - set(TABLE)) == []


def test_the_graphql_table_has_no_row_for_anything_else() -> None:
    assert _names(set(TABLE) - {SatchelError, *ERRORS}) == []


def test_every_domain_error_has_a_code_of_its_own_that_the_printed_schema_publishes() -> None:
    published = printed_schema().get_type("ErrorCode")
    assert isinstance(published, GraphQLEnumType)
    codes = {kind.__name__: kind.code for kind in ERRORS}

    assert {name: code for name, code in codes.items() if code not in published.values} == {}
    assert len(set(codes.values())) == len(codes), f"two errors share a code: {codes}"


def test_every_domain_error_has_a_log_level() -> None:
    assert {kind.__name__: kind.log_level for kind in ERRORS if kind.log_level not in _LEVELS} == {}
