"""JSON bodies, methods and GET parameters."""

import gzip
import json
from urllib.parse import quote

from tests.hostile.cases import BAD, COSTLY, INVALID, STUDENT, SYNTAX, Case, gql, json_headers

_GOOD = b'{"query": "{ me { id } }"}'


def _body(what: str, body: bytes, status: int = 400, code: str | None = BAD, **headers: str) -> Case:
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(f"JSON: {what}", status, code, body=body, headers=json_headers() | changed)


_JSON = [
    _body("nothing", b""),
    _body("white space", b" \n\t"),
    _body("null", b"null"),
    _body("a text", b'"{ me { id } }"'),
    _body("a number", b"5"),
    _body("true", b"true"),
    _body("an empty list", b"[]"),
    _body("a batch", b"[" + _GOOD + b"," + _GOOD + b"]"),
    _body("an empty object", b"{}"),
    _body("no query", b'{"variables": {}}'),
    _body("query null", b'{"query": null}'),
    _body("query empty", b'{"query": ""}'),
    _body("query a number", b'{"query": 5}'),
    _body("query a list", b'{"query": ["{ me { id } }"]}'),
    _body("query an object", b'{"query": {"a": "b"}}'),
    _body("query true", b'{"query": true}'),
    _body("variables a list", b'{"query": "{ me { id } }", "variables": []}'),
    _body("variables a text", b'{"query": "{ me { id } }", "variables": "{}"}'),
    _body("variables a number", b'{"query": "{ me { id } }", "variables": 0}'),
    _body("operationName a number", b'{"query": "{ me { id } }", "operationName": 1}'),
    _body("operationName an object", b'{"query": "{ me { id } }", "operationName": {}}'),
    _body("extensions a list", b'{"query": "{ me { id } }", "extensions": [1]}'),
    _body("cut short", _GOOD[:-1]),
    _body("something behind", _GOOD + b"}"),
    _body("two values", _GOOD + _GOOD),
    _body("NaN", b'{"query": "{ me { id } }", "variables": {"a": NaN}}'),
    _body("Infinity", b'{"query": "{ me { id } }", "variables": {"a": -Infinity}}'),
    _body("a number beyond all floats", b'{"query": "{ me { id } }", "variables": {"a": 1e999}}'),
    _body("a byte order mark", b"\xef\xbb\xbf" + _GOOD),
    _body("UTF-16", _GOOD.decode().encode("utf-16")),
    _body("Latin-1", b'{"query": "{ me { id } } # \xe9"}'),
    _body("an overlong encoding", b'{"query": "{ me { id } } # \xc0\xaf"}'),
    _body("half a surrogate pair", b'{"query": "{ me { id } }", "variables": {"a": "\\ud800"}}'),
    _body("half a surrogate pair in the query", b'{"query": "{ me { id } } # \\udfff"}'),
    _body("a key twice", b'{"query": "{ me { id } }", "query": "{ me { id } }"}'),
    _body("a key twice, deep inside", b'{"query": "{ me { id } }", "variables": {"a": [{"b": 1, "b": 2}]}}'),
    _body("lists in lists", b'{"query": "{ me { id } }", "variables": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"),
    _body("objects in objects", b'{"query": "{ me { id } }", "variables": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}"),
    _body("brackets without end", b"[" * 200_000),
    _body("a control character in a text", b'{"query": "{ me { id } } \x01"}'),
    _body("a zero byte", b'{"query": "{ me { id } }"}\x00'),
    _body("comments", b'{"query": "{ me { id } }" /* all */}'),
    _body("single quotes", b"{'query': '{ me { id } }'}"),
    _body("a comma too many", b'{"query": "{ me { id } }",}'),
    _body("an integer of 100,000 digits", b'{"query": "{ me { id } }", "variables": {"a": ' + b"9" * 100_000 + b"}}"),
    _body("a mebibyte and a byte", _GOOD + b" " * (1024 * 1024 + 1 - len(_GOOD)), 413, "PAYLOAD_TOO_LARGE"),
    _body("a query without end", json.dumps({"query": "{ me { id } } #" + "x" * 2_000_000}).encode(), 413, "PAYLOAD_TOO_LARGE"),
    _body("plain text", _GOOD, 415, Content_Type="text/plain"),
    _body("a form", b"query=%7Bme%7Bid%7D%7D", 415, Content_Type="application/x-www-form-urlencoded"),
    _body("GraphQL by itself", b"{ me { id } }", 415, Content_Type="application/graphql"),
    _body("XML", b"<query/>", 415, Content_Type="application/xml"),
    _body("no type", _GOOD, 415, Content_Type=""),
    _body("a type that is none", _GOOD, 415, Content_Type=";;;,"),
    _body("another charset", _GOOD, 415, Content_Type="application/json; charset=utf-16"),
    _body("a charset of one's own", _GOOD, 415, Content_Type="application/json; charset=utf-7"),
    _body("compressed", gzip.compress(_GOOD), 415, Content_Encoding="gzip"),
    _body("said to be compressed", _GOOD, 415, Content_Encoding="br"),
    _body("multipart without a boundary", _GOOD, 400, Content_Type="multipart/form-data"),
    _body("multipart with JSON in it", _GOOD, 400, Content_Type="multipart/form-data; boundary=x"),
]  # fmt: skip

_METHODS = [
    Case(method, 405, BAD, method, body=_GOOD, headers=json_headers())
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
]


def _get(what: str, parameters: str, status: int = 400, code: str | None = BAD) -> Case:
    headers = {"Authorization": f"Bearer {STUDENT}", "Accept": "application/graphql-response+json"}
    return Case(f"GET: {what}", status, code, "GET", f"/graphql?{parameters}", headers=headers)


_QUERY = "query=" + quote("{ me { id } }")

_GET = [
    _get("no parameters", ""),
    _get("an empty query", "query="),
    _get("a mutation", "query=" + quote("mutation { logout { userId } }"), 405),
    _get("one of two operations, a mutation", "query=" + quote("query A { me { id } } mutation B { logout { userId } }") + "&operationName=B", 405),
    _get("variables that are none", f"{_QUERY}&variables=x"),
    _get("variables that are a list", f"{_QUERY}&variables=%5B%5D"),
    _get("variables cut short", f"{_QUERY}&variables=%7B"),
    _get("variables in Latin-1", f"{_QUERY}&variables=%7B%22a%22%3A%22%E9%22"),
    _get("extensions that are none", f"{_QUERY}&extensions=5"),
    _get("a hash that is none", "extensions=" + quote('{"persistedQuery": 5}'), code="PERSISTED_QUERY_NOT_SUPPORTED"),
    _get("a hash where none are taken", "extensions=" + quote(json.dumps({"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}})), code="PERSISTED_QUERY_NOT_SUPPORTED"),
    _get("an operation that is not there", f"{_QUERY}&operationName=Other", code=INVALID),
    _get("a zero byte", "query=%00", code=SYNTAX),
    _get("a broken escape", "query=%zz", code=SYNTAX),
    _get("bytes that are no UTF-8", "query=%ff%fe", code=SYNTAX),
    _get("a thousand aliases", "query=" + quote("{" + " ".join(f"a{n}:__typename" for n in range(1000)) + "}"), code=COSTLY),
]  # fmt: skip

_OPERATIONS = [
    gql("two operations and no name", "query A { me { id } } query B { me { id } }", INVALID),
    gql("a name that no operation has", "query A { me { id } }", INVALID, operationName="B"),
    gql("a subscription by plain POST", "subscription { quotaChanged { at } }", BAD, status=400),
    gql("a hash where none are taken", "{ me { id } }", "PERSISTED_QUERY_NOT_SUPPORTED", extensions={"persistedQuery": {"version": 1, "sha256Hash": "x"}}),
    gql("a definition of a type", "type A { b: Int }", INVALID),
    gql("an extension of the schema", "extend type Query { a: Int }", INVALID),
    gql("nothing but a fragment", "fragment F on Query { me { id } }", INVALID),
    gql("a private name", "{ __class__ }", INVALID),
    gql("a field of Python's", "{ me { __dict__ } }", INVALID),
    gql("a file without a request for files", "mutation { uploadFile(input: {file: null}) { file { id } } }", INVALID),
    gql("a text for a file", 'mutation { uploadFile(input: {file: "x"}) { file { id } } }', BAD),
    gql("a file in a variable that is none", "mutation ($f: Upload!) { uploadFile(input: {file: $f}) { file { id } } }", BAD, {"f": "/etc/passwd"}),
    gql("a file that is an object", "mutation ($f: Upload!) { uploadFile(input: {file: $f}) { file { id } } }", BAD, {"f": {"path": "/etc/passwd"}}),
    gql("files that are none", "mutation ($f: [Upload!]!) { uploadFiles(input: {files: $f}) { results { errorCode } } }", BAD, {"f": [1, 2]}),
]  # fmt: skip

CASES = [*_JSON, *_METHODS, *_GET, *_OPERATIONS]
