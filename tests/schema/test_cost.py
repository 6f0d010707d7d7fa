"""What a document may cost, and that measuring costs little whatever the document."""

from typing import Any

import pytest
from graphql import GraphQLList, GraphQLObjectType, get_nullable_type, parse

from app.errors import QueryTooComplex
from schema.cost import UNPAGED, Bounds, CostRule, FragmentCycle, paged_fields
from schema.documents import Documents
from schema.graphql_errors import to_graphql_error
from schema.schema import SatchelSchema
from tests.schema.adversarial import ADVERSARIES, Adversary
from tests.schema.work import counted

PAGED = frozenset({"files", "members"})
BOUNDS = Bounds()
RULE = CostRule(PAGED, BOUNDS)
# Some tens of milliseconds. The document of 5,000 tokens takes 205,000 calls, most of them in the lexer, and a kilobyte 90,000
# at most; documents that are not measured before they are compared or executed take many millions.
_CALLS = 300_000


@pytest.fixture(scope="module")
def documents() -> Documents:
    return SatchelSchema().documents


def _nested(depth: int) -> str:
    return "{ a " * depth + "}" * depth


def _spread_out(levels: int) -> str:
    """Fragments that each spread the next one ten times: 10 to the power of `levels` fields."""
    fragments = [
        f"fragment F{level} on Query {{ {' '.join(f'...F{level + 1}' for _ in range(10))} }}" for level in range(levels)
    ]
    return "{ ...F0 } " + " ".join(fragments) + f" fragment F{levels} on Query {{ a }}"


@pytest.mark.parametrize(
    "query",
    [
        "{ a }",
        _nested(BOUNDS.depth),
        "{ " + " ".join(f"a{n}: a" for n in range(BOUNDS.aliases)) + " }",
        "{ " + " ".join(f"a{n}" for n in range(BOUNDS.fields)) + " }",
        "{ " + "a " * 141 + "}",
        "{ " + "a { b } " * 100 + "}",
        "{ a " + "@skip(if: true) " * BOUNDS.directives + "}",
        "{ " + "...F " * BOUNDS.spreads + "} fragment F on A { a }",
        "{ files(first: 100) { nodes { a b c d e f g h i j } } }",
        "{ files(first: 100) { nodes { members(first: 100) { a b } } } }",
        "query ($n: Int) { files(first: $n) { members { a b c d e f g h } } }",
        "{ ...Absent }",
        _spread_out(2),
    ],
)
def test_documents_within_the_bounds_pass(query: str) -> None:
    RULE.check(parse(query))


@pytest.mark.parametrize(
    "query, bound",
    [
        (_nested(BOUNDS.depth + 1), "depth"),
        ("{ " + " ".join(f"a{n}: a" for n in range(BOUNDS.aliases + 1)) + " }", "aliases"),
        ("{ " + " ".join(f"a{n}" for n in range(BOUNDS.fields + 1)) + " }", "fields"),
        ("{ " + "a " * 142 + "}", "comparisons"),
        ("{ " + "a { b } " * 101 + "}", "comparisons"),
        ("{ a " + "@skip(if: true) " * (BOUNDS.directives + 1) + "}", "directives"),
        ("{ " + "...F " * (BOUNDS.spreads + 1) + "} fragment F on A { a }", "spreads"),
        (_spread_out(4), "fields"),
        (_spread_out(40), "fields"),
        ("{ files(first: 100) { nodes { members(first: 100) { a b c d e } } } }", "values"),
        ("{ files(first: 999999999999) { nodes { members(first: 100) { a b c d e } } } }", "values"),
        ("{ a { ...F } } fragment F on A " + _nested(BOUNDS.depth), "depth"),
        ("query A { a } query B " + _nested(BOUNDS.depth + 1), "depth"),
        ("{ a } fragment F on A " + _nested(BOUNDS.depth + 1), "depth"),
        ("{ " + "... { " * 150 + "a" + " }" * 150 + " }", "depth"),
        ("{ a } " + " ".join(f"fragment F{n} on A {{ a }}" for n in range(101)), "fragments"),
    ],
    ids=[
        "deep",
        "aliases",
        "wide",
        "one leaf again and again",
        "one object again and again",
        "directives",
        "spreads",
        "spread 4 times",
        "spread 40 times",
        "long pages",
        "huge first",
        "deep by a fragment",
        "another operation",
        "a fragment that nobody spreads",
        "inline fragments without end",
        "many fragments",
    ],
)
def test_documents_beyond_a_bound_are_refused(query: str, bound: str) -> None:
    with pytest.raises(QueryTooComplex) as caught:
        RULE.check(parse(query))

    assert (caught.value.bound, caught.value.limit) == (bound, getattr(BOUNDS, bound))
    assert str(caught.value.limit) in caught.value.problem


def test_a_bound_is_what_it_was_set_to() -> None:
    strict = CostRule(PAGED, Bounds(depth=2))

    strict.check(parse(_nested(2)))
    with pytest.raises(QueryTooComplex, match="more than 2 levels"):
        strict.check(parse(_nested(3)))


_LONG = "query A($n: Int = 10, $m: Int) { files(first: $n) { nodes { members(first: $m) { a b c d e } } } }"


@pytest.mark.parametrize(
    "variables", [{}, {"n": 100}, {"n": 99, "m": 99}, {"m": None}, {"n": "x"}, {"n": 10**30, "m": 1}]
)
def test_pages_as_long_as_the_variables_ask_for_are_let_through_if_they_are_short_enough(
    variables: dict[str, Any],
) -> None:
    document = parse(_LONG)
    assert RULE.check(document)

    RULE.check_use(document, None, variables)


_FIVE = "query ($n: Int = 1) { " + "files(first: $n) { nodes { " * 5 + "a" + " } }" * 5 + " }"


@pytest.mark.parametrize("value", [None, 100.0, 20, "9", float("inf")])
def test_a_variable_counts_as_the_executor_takes_it(value: object) -> None:
    """Null is the page that is served unasked, whatever the variable's default is. What will be refused counts as the longest."""
    document = parse(_FIVE)
    assert RULE.check(document)
    RULE.check_use(document, None, {"n": 2.0})
    with pytest.raises(QueryTooComplex):
        RULE.check_use(document, None, {"n": value})


def test_a_list_that_is_no_page_counts_for_what_it_may_hold() -> None:
    one = "{ files(first: 100) { nodes { memberships { role group { id name type } } } } }"
    RULE.check(parse(one))
    with pytest.raises(QueryTooComplex):
        RULE.check(parse("{ me " + "{ memberships { user " * 4 + "{ id }" + " } }" * 4 + " }"))


def test_every_list_of_the_schema_counts() -> None:
    schema = SatchelSchema()._schema
    lists = {
        name
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        and not kind.name.startswith("__")
        and not kind.name.endswith("Connection")
        for name, field in kind.fields.items()
        if isinstance(get_nullable_type(field.type), GraphQLList) and "first" not in field.args
    }
    # The results of an upload are as many as files came with it.
    assert lists - {"results"} == set(UNPAGED)


@pytest.mark.parametrize("variables", [{"n": 100, "m": 100}, {"n": 10**30, "m": 10**30}])
@pytest.mark.parametrize("name", [None, "A"])
def test_pages_that_variables_make_too_long_are_refused(name: str | None, variables: dict[str, Any]) -> None:
    with pytest.raises(QueryTooComplex) as caught:
        RULE.check_use(parse(_LONG), name, variables)

    assert caught.value.bound == "values"


def test_only_a_document_that_could_become_too_long_is_measured_at_every_use() -> None:
    assert not RULE.check(parse("query ($n: Int) { files(first: $n) { nodes { members { a } } } }"))


def test_a_chain_of_fragments_that_hold_nothing_but_each_other_is_measured() -> None:
    chain = " ".join(f"fragment F{n} on A {{ ...F{n + 1} }}" for n in range(99))

    RULE.check(parse("{ ...F0 } " + chain + " fragment F99 on A { a }"))


@pytest.mark.parametrize(
    "query",
    [
        "{ ...F } fragment F on Query { ...F }",
        "{ a } fragment F on Query { a { ...G } } fragment G on A { ...F }",
    ],
)
def test_a_fragment_that_contains_itself_has_no_measure(query: str) -> None:
    with pytest.raises(FragmentCycle):
        RULE.check(parse(query))


def test_measuring_takes_no_longer_for_fragments_that_multiply() -> None:
    document = parse(_spread_out(90))

    with counted() as work, pytest.raises(QueryTooComplex):
        RULE.check(document)

    assert work.calls < _CALLS


@pytest.mark.parametrize("adversary", ADVERSARIES, ids=lambda adversary: adversary.name)
def test_a_kilobyte_that_is_meant_to_cost_seconds_is_refused_at_once(
    documents: Documents, adversary: Adversary
) -> None:
    with counted() as work:
        errors = documents.prepare(adversary.document).errors

    causes = [error.original_error for error in errors if isinstance(error.original_error, QueryTooComplex)]
    if adversary.bound is not None:
        assert [(cause.code, cause.bound) for cause in causes] == [(adversary.code, adversary.bound)]
    else:
        assert causes == []
        codes = {(to_graphql_error(error, "").extensions or {})["code"] for error in errors}
        assert codes == {adversary.code}
    assert work.calls < _CALLS


def test_every_field_that_takes_first_counts_as_a_page() -> None:
    assert paged_fields(SatchelSchema()._schema) >= {"files"}
