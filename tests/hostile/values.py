"""Ids, cursors, names, sizes, moments and other values: as literals and as variables."""

import base64
import json
from uuid import UUID

from tests.hostile.cases import ADMIN, BAD, FILE, FORBIDDEN, INVALID, NOT_FOUND, Case, gql

_NOWHERE = UUID(int=4 << 76 | 8 << 60)  # a well-formed UUID of nobody


def _global(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


def _file(what: str, value: object, code: str | None = BAD, status: int = 200) -> Case:
    query = "query ($id: ID!) { file(id: $id) { id } }"
    return gql(f"the id of a file: {what}", query, code, {"id": value}, status=status)


def _node(what: str, value: object, code: str | None = BAD) -> Case:
    return gql(f"the id of an object: {what}", "query ($id: ID!) { node(id: $id) { id } }", code, {"id": value})


_IDS = [
    _file("nothing", ""),
    _file("a blank", " "),
    _file("a word", "x"),
    _file("a path", "../../etc/passwd"),
    _file("SQL", "' OR 1=1 --"),
    _file("a zero byte", "\x00"),
    _file("half a UUID", str(_NOWHERE)[:18]),
    _file("a UUID and more", f"{_NOWHERE}0"),
    _file("a UUID of nobody", str(_NOWHERE), NOT_FOUND),
    _file("a global id of nobody", _global(f"File:{_NOWHERE}"), NOT_FOUND),
    _file("another type's", _global(f"User:{_NOWHERE}"), NOT_FOUND),
    _file("a type that is none", _global(f"Passwords:{_NOWHERE}"), NOT_FOUND),
    _file("no type", _global(str(_NOWHERE))),
    _file("a type and nothing", _global("File:")),
    _file("a type and a word", _global("File:x")),
    _file("bytes", base64.b64encode(b"\xff\xfe\xfd").decode()),
    _file("broken base64", "RmlsZTo="[:-2] + "*"),
    _file("ten thousand characters", "A" * 10_000),
    _file("a smile", "😀"),
    _file("digits of another script", "٠" * 32),
    _file("a number", 5),
    _file("a number of 64 bits", 2**64 - 1),
    _file("a number of 65 bits", 2**64),
    _file("a number beyond all floats", 10**400, status=400),
    _file("a negative number", -1),
    _file("a fraction", 1.5),
    _file("true", True),
    _file("a list", [str(_NOWHERE)]),
    _file("an object", {"eq": str(_NOWHERE)}),
    _file("null", None),
    _node("a bare UUID", str(_NOWHERE)),
    _node("a type without ids", _global(f"Quota:{_NOWHERE}"), NOT_FOUND),
    _node("a module", _global(f"app.models:{_NOWHERE}")),
    _node("of nobody", _global(f"Alert:{_NOWHERE}"), NOT_FOUND),
    _node("SQL", _global("File:' OR 1=1 --")),
    gql("the id of a file: a literal without end", "{ file(id: " + "9" * 5_000 + ") { id } }", BAD),
    gql("no id at all", "query ($id: ID!) { file(id: $id) { id } }", BAD, {}),
]


def _page(what: str, code: str | None = BAD, **arguments: object) -> Case:
    query = "query ($first: Int, $after: String) { files(first: $first, after: $after) { nodes { id } } }"
    return gql(f"a page: {what}", query, code, arguments)


def _cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


_PAGES = [
    _page("after a word", after="x"),
    _page("after SQL", after="'; DROP TABLE files; --"),
    _page("after a zero byte", after="\x00"),
    _page("after bytes", after=base64.b64encode(b"\xff\x00").decode()),
    _page("after an empty list", after=_cursor()),
    _page("after a list of nothing", after=_cursor(None, None)),
    _page("after a number", after=_cursor(5)),
    _page("after an object", after=base64.urlsafe_b64encode(b'{"a": 1}').decode()),
    _page("after a moment that is none", after=_cursor("CREATED_AT_DESC", "yesterday", str(_NOWHERE))),
    _page("after a cursor of ten thousand characters", after="A" * 10_000),
    _page("after pickled bytes", after="gASVAAAAAAAAAIwFcG9zaXg="),
    _page("after a list", after=["x"]),
    _page("of no items", first=0),
    _page("of fewer than none", first=-1),
    _page("of more than an Int", first=2**31),
    _page("of a number without end", first=10**100),
    _page("of a fraction", first=1.5),
    _page("of a text", first="5"),
    _page("of true", first=True),
]


def _filter(what: str, code: str | None = BAD, **filter_: object) -> Case:
    query = "query ($filter: FileFilter) { files(filter: $filter) { nodes { id } } }"
    return gql(f"a filter: {what}", query, code, {"filter": filter_})


_FILTERS = [
    _filter("a status that is none", status="DELETED"),
    _filter("a status that is a number", status=1),
    _filter("a field that is none", password="x"),
    _filter("a field of the database", owner_id__in=[1]),
    _filter("a group that is none", groupId="x"),
    _filter("a group of nobody", None, groupId=str(_NOWHERE)),
    _filter("a name with a zero byte", nameContains="\x00"),
    _filter("a name of a hundred thousand characters", nameContains="x" * 100_000),
    _filter("a moment that is none", createdAfter="yesterday"),
    _filter("a moment beyond the calendar", createdAfter="9999-12-31T23:59:59-14:00"),
    _filter("a moment that is a number", createdBefore=0),
    _filter("the 31st of February", createdBefore="2026-02-31T00:00:00Z"),
]


def _rename(what: str, name: object, code: str | None = BAD) -> Case:
    query = "mutation ($id: ID!, $name: String!) { renameFile(input: {id: $id, name: $name}) { file { name } } }"
    return gql(f"a name: {what}", query, code, {"id": FILE, "name": name})


_NAMES = [
    _rename("nothing", ""),
    _rename("blanks", "   "),
    _rename("a point", "."),
    _rename("two points", ".."),
    _rename("a slash", "/"),
    _rename("a path that ends nowhere", "a/b/"),
    _rename("a path upwards", "../.."),
    _rename("backslashes", "..\\..\\"),
    _rename("controls", "\x00\x01\x1f\x7f"),
    _rename("256 bytes", "x" * 256),
    _rename("128 characters of two bytes", "é" * 128),
    _rename("a hundred thousand characters", "x" * 100_000),
    _rename("a number", 5),
    _rename("null", None),
    _rename("a list", ["a.txt"]),
]


def _limits(what: str, code: str | None = BAD, by: str = ADMIN, **limits: object) -> Case:
    query = "mutation ($input: SetUserLimitsInput!) { setUserLimits(input: $input) { user { id } } }"
    return gql(f"limits: {what}", query, code, {"input": {"userId": str(_NOWHERE), **limits}}, by=by)


_SIZES = [
    _limits("negative", maxFileSizeBytes=-1),
    _limits("zero", storageQuotaBytes=0),
    _limits("2^53", storageQuotaBytes=2**53),
    _limits("2^63", storageQuotaBytes=2**63),
    _limits("a googol", storageQuotaBytes=10**100),
    _limits("a fraction", storageQuotaBytes=1.5),
    _limits("a float that is whole", storageQuotaBytes=1e3),
    _limits("a text", storageQuotaBytes="1000"),
    _limits("true", maxFileSizeBytes=True),
    _limits("a list", maxFileSizeBytes=[1]),
    _limits("a field that is none", quota=1),
    _limits("of nobody", NOT_FOUND, storageQuotaBytes=1),
    gql("limits: set by a student", "mutation ($id: ID!) { setUserLimits(input: {userId: $id, storageQuotaBytes: 1}) { user { id } } }", FORBIDDEN, {"id": str(_NOWHERE)}),
    *(
        gql(f"a signed URL for {seconds} seconds", "query ($id: ID!, $s: Int) { file(id: $id) { signedUrl(expiresIn: $s) { url } } }", BAD, {"id": FILE, "s": seconds})
        for seconds in (0, -1, 3601, 2**31 - 1, 2**31, 1.5, "60")
    ),
]  # fmt: skip

_PEOPLE = [
    gql("a user without an address", 'mutation { createUser(input: {email: "", name: "x"}) { user { id } } }', BAD, by=ADMIN),
    gql("an address without an @", 'mutation { createUser(input: {email: "x", name: "x"}) { user { id } } }', BAD, by=ADMIN),
    gql("an address with a line break", 'mutation { createUser(input: {email: "x@y\\nz", name: "x"}) { user { id } } }', BAD, by=ADMIN),
    gql("an address without end", "mutation ($e: String!) { createUser(input: {email: $e, name: \"x\"}) { user { id } } }", BAD, {"e": "x" * 400 + "@y.example"}, by=ADMIN),
    gql("a name of controls", 'mutation { createUser(input: {email: "x@y.example", name: "\\u0000"}) { user { id } } }', BAD, by=ADMIN),
    gql("a password that is too short", 'mutation { createUser(input: {email: "x@y.example", name: "x", password: "x"}) { user { id } } }', BAD, by=ADMIN),
    gql("a password without end", "mutation ($p: String!) { createUser(input: {email: \"x@y.example\", name: \"x\", password: $p}) { user { id } } }", BAD, {"p": "x" * 100_000}, by=ADMIN),
    gql("a user made by a student", 'mutation { createUser(input: {email: "x@y.example", name: "x"}) { user { id } } }', FORBIDDEN),
    gql("a job that is none", "mutation { runJob(input: {job: DROP_TABLES}) { jobRun { id } } }", INVALID, by=ADMIN),
    gql("a job run by a student", "mutation { runJob(input: {job: QUOTA_RECONCILIATION}) { jobRun { id } } }", FORBIDDEN),
    gql("a login with a password without end", 'mutation ($p: String!) { login(input: {email: "x@y.example", password: $p}) { token } }', "UNAUTHENTICATED", {"p": "x" * 500_000}, by=None),
    gql("a login with zero bytes", 'mutation { login(input: {email: "\\u0000", password: "\\u0000"}) { token } }', "UNAUTHENTICATED", by=None),
    gql("a search of a hundred thousand characters", "query ($s: String!) { users(search: $s) { nodes { id } } }", BAD, {"s": "%" * 100_000}, by=ADMIN),
    gql("a search with wildcards of SQL, by a student", 'query { users(search: "%_%") { nodes { id } } }', FORBIDDEN),
]  # fmt: skip

CASES = [*_IDS, *_PAGES, *_FILTERS, *_NAMES, *_SIZES, *_PEOPLE]
