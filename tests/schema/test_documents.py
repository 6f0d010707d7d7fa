"""Documents are parsed, measured and validated once, and refused in the contract's codes."""

from typing import Any

import pytest
from graphql import GraphQLError, build_schema

from app.errors import QueryTooComplex
from schema.cost import Bounds
from schema.documents import Document, Documents

MAX_TOKENS = Bounds().tokens

SCHEMA = build_schema("type Query { a(n: Int): Int }")


@pytest.fixture
def documents() -> Documents:
    return Documents(SCHEMA)


def _code(error: GraphQLError) -> Any:
    return (error.extensions or {}).get("code")


def test_a_good_document_is_prepared_once(documents: Documents) -> None:
    first = documents.prepare("{ a }")

    assert documents.prepare("{ a }") is first
    assert first.refusal(None) == ()


@pytest.mark.parametrize(
    "query, name, code",
    [
        ("{ b }", None, "GRAPHQL_VALIDATION_FAILED"),
        ('{ a(n: "1") }', None, "GRAPHQL_VALIDATION_FAILED"),
        ("fragment F on Query { a }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query A { a } query B { a }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query A { a } query B { a }", "C", "GRAPHQL_VALIDATION_FAILED"),
        ("{ a }", "A", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
def test_a_document_that_cannot_be_run_is_refused_with_its_code(
    documents: Documents, query: str, name: str | None, code: str
) -> None:
    refusal = documents.prepare(query).refusal(name)

    assert [_code(error) for error in refusal][:1] == [code]
    assert documents.prepare(query).refusal(name) == refusal


@pytest.mark.parametrize("name", ["A", "B"])
def test_one_of_several_operations_is_run_by_its_name(documents: Documents, name: str) -> None:
    assert documents.prepare("query A { a } query B { a }").refusal(name) == ()


@pytest.mark.parametrize("query", ["{", "", "   ", "hello", "{ a } }", "{ a(n: 007) }", "\x00", "{" * 10_000])
def test_what_is_no_graphql_is_a_syntax_error(documents: Documents, query: str) -> None:
    (error,) = documents.prepare(query).errors

    assert error.message.startswith("Syntax Error")
    assert error.original_error is None


@pytest.mark.parametrize(
    "query", ["{ " + "a " * MAX_TOKENS + "}", "#\n" * (MAX_TOKENS + 1) + "{ a }", "{ a " * 30 + "} " * 30]
)
def test_what_costs_too_much_is_too_complex_before_it_is_validated(documents: Documents, query: str) -> None:
    (error,) = documents.prepare(query).errors

    assert isinstance(error.original_error, QueryTooComplex)


def test_a_document_that_is_too_long_is_neither_parsed_nor_remembered() -> None:
    documents = Documents(SCHEMA)
    good = documents.prepare("{ a }")
    (error,) = documents.prepare("{ a } #" + "x" * Bounds().characters).errors

    assert isinstance(error.original_error, QueryTooComplex)
    assert error.original_error.bound == "characters"
    assert documents.prepare("{ a }") is good


def test_what_is_refused_is_remembered_without_its_nodes(documents: Documents) -> None:
    document = documents.prepare("{ a(x: [[][][]]) nothing }")

    assert [error.nodes for error in document.errors] == [None] * len(document.errors)
    assert [error.locations[0].column for error in document.errors if error.locations] == [5, 18]
    assert document.node.definitions == ()


def test_an_answer_holds_a_bounded_number_of_errors(documents: Documents) -> None:
    assert len(documents.prepare("{ " + " ".join(f"b{n}" for n in range(500)) + " }").errors) == 20


def test_the_least_recently_used_document_is_forgotten_first() -> None:
    documents = Documents(SCHEMA, max_entries=2)
    first, second = documents.prepare("{ a }"), documents.prepare("{ b: a }")

    documents.prepare("{ a }")
    documents.prepare("{ c: a }")

    assert documents.prepare("{ a }") is first
    assert documents.prepare("{ b: a }") is not second


def test_the_cache_is_bounded_in_characters_too() -> None:
    documents = Documents(SCHEMA, max_characters=100)
    long = documents.prepare("{ a }" + " " * 90)

    documents.prepare("{ a } # and more")
    assert documents.prepare("{ a }" + " " * 90) is not long

    huge = "{ a }" + " " * 200
    assert documents.prepare(huge).refusal(None) == ()
    assert isinstance(documents.prepare("{ a }"), Document)


@pytest.fixture
def closed() -> Documents:
    return Documents(SCHEMA, introspection=False)


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { types { name } } }",
        '{ __type(name: "Query") { name } }',
        "{ ...F } fragment F on Query { x: __schema { description } }",
    ],
)
def test_a_document_that_asks_for_the_schema_is_refused_where_that_is_switched_off(
    closed: Documents, query: str
) -> None:
    errors = closed.prepare(query).errors

    expected = {"code": "GRAPHQL_VALIDATION_FAILED", "validationErrorCode": "INTROSPECTION_DISABLED"}
    assert [error.extensions for error in errors] == [expected] * len(errors)
    assert errors


def test_the_name_of_a_type_may_be_asked_for_all_the_same(closed: Documents) -> None:
    assert closed.prepare("{ __typename a }").refusal(None) == ()


@pytest.mark.parametrize(
    "query", ["{ aa }", "{ a(m: 1) }", "query ($n: Ind) { a(n: $n) }", "{ a ...F } fragment F on Quer { a }"]
)
def test_no_name_is_suggested_where_the_schema_is_nobodys_business(
    documents: Documents, closed: Documents, query: str
) -> None:
    assert "Did you mean" in documents.prepare(query).errors[0].message
    assert "Did you mean" not in closed.prepare(query).errors[0].message


def test_a_document_is_measured_at_every_use_when_its_pages_are_as_long_as_its_variables_say() -> None:
    schema = build_schema(
        "type Query { files(first: Int): [File] } type File { users(first: Int): [User] } type User { a: Int b: Int }"
    )
    document = Documents(schema, bounds=Bounds(values=10_000)).prepare(
        "query ($n: Int) { files(first: $n) { users(first: $n) { a b } } }"
    )

    assert document.refusal(None, {"n": 50}) == ()
    (error,) = document.refusal(None, {"n": 100})
    assert isinstance(error.original_error, QueryTooComplex)
    assert error.original_error.bound == "values"


def test_what_python_says_of_a_number_is_not_passed_on(documents: Documents) -> None:
    (error,) = documents.prepare("{ a(n: " + "9" * 5000 + ") }").errors

    assert error.message.startswith("Expected value of type 'Int'; found: 999")
    assert "sys" not in error.message
    assert len(error.message) < 600
