"""Requests that nobody thought of: whatever is sent, the answer is a clean one, and the ledger stays true.

Schemathesis makes operations from the printed schema; Hypothesis makes values for real operations, and damages real requests.
"""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes

from tests.architecture.sources import ROOT
from tests.fixtures.wire import BOUNDARY, framing
from tests.hostile.cases import ADMIN, STUDENT, Case, json_headers
from tests.hostile.conftest import Target
from tests.hostile.leaks import LEAKS

# They would end the tokens that everything else needs.
_LEFT_OUT = {"Mutation.logout", "Mutation.changePassword"}

schemathesis.graphql.scalar("BigInt", st.integers(-(2**63), 2**64).map(nodes.Int))
schemathesis.graphql.scalar("DateTime", st.datetimes().map(lambda moment: nodes.String(moment.isoformat())))
schemathesis.graphql.scalar("JSON", st.text(max_size=5).map(nodes.String))
schemathesis.graphql.scalar("Upload", st.just(nodes.String("file")))


def _operations() -> st.SearchStrategy[Any]:
    schema = schemathesis.graphql.from_path(ROOT / "schema" / "schema.graphql")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    kept = [each for each in operations if not each.label.startswith("Subscription") and each.label not in _LEFT_OUT]
    assert len(kept) > 50
    return st.one_of([operation.as_strategy() for operation in kept])


_OPERATIONS = _operations()
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
# Real operations with one variable each, which may be anything.
_WITH_A_VARIABLE = [
    "query ($v: ID!) { node(id: $v) { id } }",
    "query ($v: ID!) { file(id: $v) { id } }",
    "query ($v: FileFilter) { files(filter: $v) { nodes { id } } }",
    "query ($v: Int) { files(first: $v) { nodes { id } } }",
    "query ($v: String) { files(after: $v) { nodes { id } } }",
    "query ($v: String) { users(search: $v) { nodes { id } } }",
    "query ($v: FileOrder) { files(orderBy: $v) { nodes { id } } }",
    "mutation ($v: RenameFileInput!) { renameFile(input: $v) { file { id } } }",
    "mutation ($v: SetUserLimitsInput!) { setUserLimits(input: $v) { user { id } } }",
    "mutation ($v: LoginInput!) { login(input: $v) { token } }",
    "mutation ($v: Upload!) { uploadFile(input: {file: $v}) { file { id } } }",
]
_UPLOAD = b"".join([framing("a.txt")[0], b"content", framing("a.txt")[1]])
_GOOD = json.dumps({"query": "query A($v: Int) { files(first: $v) { nodes { id } } }", "variables": {"v": 5}}).encode()


@pytest.fixture(
    params=[
        pytest.param(40, id="short"),
        pytest.param(2_000, id="long", marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ]
)
def examples(request: pytest.FixtureRequest) -> settings:
    return settings(
        max_examples=request.param,
        deadline=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.filter_too_much,
            HealthCheck.function_scoped_fixture,
        ],
    )


def _assert_clean(target: Target, case: Case) -> None:
    answer = target.send(case)
    text = answer.body.decode()
    assert answer.status < 500, text
    for error in answer.json.get("errors", []):
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", text
        assert not LEAKS.search(error["message"]), text


def _assert_ledger_is_true(target: Target) -> None:
    with target.database() as database:
        used = "SELECT COALESCE(SUM(used_bytes), 0) FROM user_storage"
        charged = "SELECT COALESCE(SUM(charged_bytes), 0) FROM files"
        assert database.execute(used).fetchone() == database.execute(charged).fetchone()
    assert target.is_alive()


def _json(body: bytes, by: str) -> Case:
    return Case("fuzz", 0, None, body=body, headers=json_headers(by))


def test_operations_made_from_the_schema(target: Target, examples: settings) -> None:
    @examples
    @given(made=_OPERATIONS, by=st.sampled_from([STUDENT, ADMIN]))
    def run(made: Any, by: str) -> None:
        who = STUDENT if "mutation" in str(made.body)[:10] else by
        _assert_clean(target, _json(json.dumps({"query": str(made.body)}).encode(), who))

    run()
    _assert_ledger_is_true(target)


def test_anything_as_a_variable(target: Target, examples: settings) -> None:
    @examples
    @given(query=st.sampled_from(_WITH_A_VARIABLE), value=_JSON)
    def run(query: str, value: object) -> None:
        body = json.dumps({"query": query, "variables": {"v": value}}).encode("utf-8", "surrogatepass")
        _assert_clean(target, _json(body, ADMIN if "users" in query or "Limits" in query else STUDENT))

    run()
    _assert_ledger_is_true(target)


def test_anything_as_a_request(target: Target, examples: settings) -> None:
    members = st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("query", "variables", "operationName", "extensions"), _JSON)
    )

    @examples
    @given(request=_JSON | members)
    def run(request: object) -> None:
        _assert_clean(target, _json(json.dumps(request).encode("utf-8", "surrogatepass"), STUDENT))

    run()
    _assert_ledger_is_true(target)


@pytest.mark.parametrize(
    "content_type, good",
    [("application/json", _GOOD), (f"multipart/form-data; boundary={BOUNDARY}", _UPLOAD)],
    ids=["JSON", "multipart"],
)
def test_damaged_requests(target: Target, examples: settings, content_type: str, good: bytes) -> None:
    @examples
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        body = bytearray(good)
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, len(body)))
            end = min(len(body), start + data.draw(st.integers(0, 12)))
            body[start:end] = data.draw(st.binary(max_size=12))
        headers = json_headers() | {"Content-Type": content_type}
        _assert_clean(target, Case("fuzz", 0, None, body=bytes(body), headers=headers))

    run()
    _assert_ledger_is_true(target)


def test_nothing_failed_inside(target: Target) -> None:
    """Last in this file: the log of the server holds no error for all that."""
    lines = [json.loads(line) for line in target.process.log().splitlines() if line.startswith('{"')]

    assert [line for line in lines if line.get("level") in {"error", "critical"} or "exception" in line] == []
