"""Multipart requests that must be refused, as data: what is wrong, and the body that has it. Used against the parser and the view."""

import json
from dataclasses import dataclass

from tests.app.web.multipart_bodies import BOUNDARY, CONTENT_TYPE, QUERY, closing, mapping, operations, part


@dataclass(frozen=True)
class Malformed:
    """One bad request. `status` is the HTTP status that it must get."""

    what: str
    body: bytes
    content_type: str = CONTENT_TYPE
    status: int = 400


_OPERATIONS = part("operations", operations())
_MAP = part("map", mapping())
_FILE = part("0", "data", file_name="a.txt")


def _of(operations_json: object, map_json: object = None) -> bytes:
    """A body with these two fields: bytes as they are, anything else as JSON."""
    texts = [
        value if isinstance(value, bytes) else json.dumps(value).encode()
        for value in (operations_json, {"0": ["variables.file"]} if map_json is None else map_json)
    ]
    return part("operations", texts[0]) + part("map", texts[1]) + _FILE + closing()


def _with(variables: object, *paths: str) -> bytes:
    return _of({"query": QUERY, "variables": variables}, {"0": list(paths)})


def _raw_part(*headers: str | bytes, data: bytes = b"data") -> bytes:
    lines = [header if isinstance(header, bytes) else header.encode() for header in headers]
    return b"\r\n".join([f"--{BOUNDARY}".encode(), *lines, b"", data, b""])


def _with_file(*headers: str | bytes) -> bytes:
    return _OPERATIONS + _MAP + _raw_part(*headers) + closing()


_DISPOSITION = 'Content-Disposition: form-data; name="0"; filename="a.txt"'
_GOOD = _OPERATIONS + _MAP + _FILE + closing()
_NULL = {"file": None}

STRUCTURE = [
    Malformed("an empty body", b""),
    Malformed("no boundary in Content-Type", _GOOD, "multipart/form-data"),
    Malformed("an empty boundary", _GOOD, "multipart/form-data; boundary="),
    Malformed("another boundary", _GOOD, "multipart/form-data; boundary=other"),
    Malformed("a boundary that is too long", _GOOD, "multipart/form-data; boundary=" + "b" * 71),
    Malformed("two boundaries", _GOOD, f"multipart/form-data; boundary=x; boundary={BOUNDARY}"),
    Malformed("another charset", _GOOD, f"{CONTENT_TYPE}; charset=utf-16"),
    Malformed("a preamble", b"preamble\r\n" + _GOOD),
    Malformed("a line break in front", b"\r\n" + _GOOD),
    Malformed("nothing but the closing delimiter", closing()),
    Malformed("no closing delimiter", _GOOD[: -len(closing())]),
    Malformed("half a closing delimiter", _GOOD[:-3]),
    Malformed("an epilogue", _GOOD + b"epilogue"),
    Malformed("a second closing delimiter", _GOOD + closing()),
    Malformed("a part behind the closing delimiter", _GOOD + _FILE + closing()),
    Malformed("cut short in operations", _GOOD[:100]),
    Malformed("cut short in map", _GOOD[: len(_OPERATIONS) + 90]),
    Malformed("cut short in the file", _GOOD[: -len(closing()) - 4]),
    Malformed("cut short in the head of the file", _GOOD[: len(_OPERATIONS + _MAP) + 50]),
    Malformed("line feeds for line breaks", _GOOD.replace(b"\r\n", b"\n")),
    Malformed("bytes behind a delimiter", _GOOD.replace(f"--{BOUNDARY}\r\n".encode(), f"--{BOUNDARY} x\r\n".encode())),
    Malformed("not multipart at all", b'{"query": "{ ok }"}'),
]

PARTS = [
    Malformed("map first", _MAP + _OPERATIONS + _FILE + closing()),
    Malformed("the file first", _FILE + _OPERATIONS + _MAP + closing()),
    Malformed("the file before map", _OPERATIONS + _FILE + _MAP + closing()),
    Malformed("no operations", _MAP + _FILE + closing()),
    Malformed("no map", _OPERATIONS + _FILE + closing()),
    Malformed("operations only", _OPERATIONS + closing()),
    Malformed("no file", _OPERATIONS + _MAP + closing()),
    Malformed("operations twice", _OPERATIONS + _OPERATIONS + _MAP + _FILE + closing()),
    Malformed("map twice", _OPERATIONS + _MAP + _MAP + _FILE + closing()),
    Malformed("the file twice", _OPERATIONS + _MAP + _FILE + _FILE + closing()),
    Malformed("a field more, in front", part("token", "x") + _OPERATIONS + _MAP + _FILE + closing()),
    Malformed("a field more, in between", _OPERATIONS + _MAP + part("token", "x") + _FILE + closing()),
    Malformed("a field more, at the end", _OPERATIONS + _MAP + _FILE + part("token", "x") + closing()),
    Malformed("a file more", _OPERATIONS + _MAP + _FILE + part("1", "x", file_name="b") + closing()),
    Malformed("a file of another name", _OPERATIONS + _MAP + part("1", "x", file_name="b") + closing()),
    Malformed("a field for the file", _OPERATIONS + _MAP + part("0", "data") + closing()),
    Malformed("a file without a name", _OPERATIONS + _MAP + part("0", "data", file_name="") + closing()),
    Malformed("operations as a file", part("operations", operations(), file_name="o") + _MAP + _FILE + closing()),
    Malformed("map as a file", _OPERATIONS + part("map", mapping(), file_name="m") + _FILE + closing()),
    Malformed("a part without headers", _with_file()),
    Malformed("a part without a disposition", _with_file("Content-Type: text/plain")),
    Malformed("a part without a name", _with_file('Content-Disposition: form-data; filename="a"')),
    Malformed("a part of another disposition", _with_file('Content-Disposition: attachment; name="0"; filename="a"')),
    Malformed("two dispositions", _with_file(_DISPOSITION, _DISPOSITION)),
    Malformed("two types", _with_file(_DISPOSITION, "Content-Type: text/plain", "Content-Type: text/html")),
    Malformed("two names", _with_file('Content-Disposition: form-data; name="0"; name="1"; filename="a"')),
    Malformed("two file names", _with_file('Content-Disposition: form-data; name="0"; filename="a"; filename="b"')),
    Malformed("operations in capitals", part("Operations", operations()) + _MAP + _FILE + closing()),
    Malformed("a charset field", part("_charset_", "utf-8") + _OPERATIONS + _MAP + _FILE + closing()),
    Malformed("a name in a header with a NUL", _with_file('Content-Disposition: form-data; name="0\0"; filename="a"')),
    Malformed("a disposition that cannot be read", _with_file('Content-Disposition: form-data; name="0"; filename="a')),
    Malformed("a file name in another charset", _with_file(_DISPOSITION.encode().replace(b"a.txt", b"\xe9.txt"))),
    Malformed("a bad extended file name", _with_file("Content-Disposition: form-data; name=0; filename*=utf-8''%FF")),
    Malformed("a transfer encoding", _with_file(_DISPOSITION, "Content-Transfer-Encoding: base64")),
    Malformed("a header line without a colon", _with_file(_DISPOSITION, "nonsense")),
    Malformed("a header with a bad name", _with_file(_DISPOSITION, "a b: c")),
    Malformed("a folded header", _with_file(_DISPOSITION, "X-Note: a", " b")),
    Malformed("a header flood", _with_file(_DISPOSITION, *(f"X-{number}: x" for number in range(1000)))),
    Malformed("a header without an end", _with_file(_DISPOSITION, "X-Long: " + "x" * 10_000)),
    Malformed("a part that is shorter than it says", _with_file(_DISPOSITION, "Content-Length: 5")),
    Malformed("a part that is longer than it says", _with_file(_DISPOSITION, "Content-Length: 3")),
    Malformed("a part with a bad length", _with_file(_DISPOSITION, "Content-Length: -1")),
    Malformed("a part with a huge length", _with_file(_DISPOSITION, "Content-Length: " + "9" * 3000)),
    Malformed("a flood of parts", _OPERATIONS + _MAP + _FILE * 2000 + closing()),
    Malformed("operations in UTF-16", _raw_part(
        'Content-Disposition: form-data; name="operations"',
        "Content-Type: application/json; charset=utf-16",
        data=operations().decode().encode("utf-16"),
    ) + _MAP + _FILE + closing()),
]  # fmt: skip

OPERATIONS = [
    Malformed("operations empty", _of(b"")),
    Malformed("operations null", _of(b"null")),
    Malformed("operations a number", _of(5)),
    Malformed("operations a string", _of("x")),
    Malformed("operations true", _of(True)),
    Malformed("a batch", _of([{"query": QUERY, "variables": _NULL}], {"0": ["0.variables.file"]})),
    Malformed("an empty batch", _of([])),
    Malformed("operations not JSON", _of(b"{")),
    Malformed("operations with a comma too many", _of(b'{"query": "x",}')),
    Malformed("operations not UTF-8", _of(b'{"query": "\xff", "variables": {"file": null}}')),
    Malformed("operations in overlong UTF-8", _of(b'{"query": "\xc0\xaf", "variables": {"file": null}}')),
    Malformed("operations with a surrogate in UTF-8", _of(b'{"query": "\xed\xa0\x80", "variables": {"file": null}}')),
    Malformed("operations with a NUL", _of(b'{"query": "\0", "variables": {"file": null}}')),
    Malformed("operations twice in one part", _of(operations() + operations())),
    Malformed("operations with a byte order mark", _of(b"\xef\xbb\xbf" + operations())),
    Malformed("operations with a lone surrogate", _of(b'{"query": "\\ud800", "variables": {"file": null}}')),
    Malformed("operations with NaN", _of(b'{"variables": {"file": null, "n": NaN}}')),
    Malformed("operations with Infinity", _of(b'{"variables": {"file": null, "n": -Infinity}}')),
    Malformed("operations with an infinite number", _of(b'{"variables": {"file": null, "n": 1e999}}')),
    Malformed("operations with an integer of 10,000 digits", _of(b'{"variables": {"file": null, "n": %s}}' % (b"9" * 10_000))),
    Malformed("operations with a doubled key", _of(b'{"variables": {"file": null}, "variables": {"file": null}}')),
    Malformed("operations nested 100 deep", _of(b'{"variables": {"file": null, "n": ' + b"[" * 100 + b"]" * 100 + b"}}")),
    Malformed("operations nested 100,000 deep", _of(b"[" * 100_000 + b"]" * 100_000)),
    Malformed("operations over 1 MiB", _of({"query": "x" * 1024 * 1024, "variables": _NULL}), status=413),
    Malformed("query a number", _of({"query": 5, "variables": _NULL})),
    Malformed("operationName a list", _of({"query": QUERY, "operationName": [], "variables": _NULL})),
    Malformed("extensions a string", _of({"query": QUERY, "extensions": "x", "variables": _NULL})),
    Malformed("variables a list", _of({"query": QUERY, "variables": [None]}, {"0": ["variables.0"]})),
    Malformed("no query", _of({"variables": _NULL})),
]  # fmt: skip

MAP = [
    Malformed("map empty text", _of({"query": QUERY, "variables": _NULL}, b"")),
    Malformed("map null", _of({"query": QUERY, "variables": _NULL}, b"null")),
    Malformed("map a list", _of({"query": QUERY, "variables": _NULL}, [["variables.file"]])),
    Malformed("map a number", _of({"query": QUERY, "variables": _NULL}, 5)),
    Malformed("map without entries", _of({"query": QUERY, "variables": _NULL}, {})),
    Malformed("map not JSON", _of({"query": QUERY, "variables": _NULL}, b"{'0': []}")),
    Malformed("map not UTF-8", _of({"query": QUERY, "variables": _NULL}, b'{"\xff": ["variables.file"]}')),
    Malformed("map with a byte order mark", _of({"query": QUERY, "variables": _NULL}, b"\xef\xbb\xbf" + mapping())),
    Malformed("map nested 30,000 deep", _of({"query": QUERY, "variables": _NULL}, b"[" * 30_000 + b"]" * 30_000)),
    Malformed("map with a number of 10,000 digits", _of({"query": QUERY, "variables": _NULL}, b'{"0": %s}' % (b"9" * 10_000))),
    Malformed("map with a doubled key", _of({"query": QUERY, "variables": _NULL}, b'{"0": ["variables.file"], "0": ["variables.file"]}')),
    Malformed("map over 64 KiB", _of({"query": QUERY, "variables": _NULL}, {"0": ["variables." + "x" * 64 * 1024]}), status=413),
    Malformed("map for too many files", _of(
        {"query": QUERY, "variables": {"files": [None] * 300}},
        {str(number): [f"variables.files.{number}"] for number in range(300)},
    )),
    Malformed("a path that is not in a list", _of({"query": QUERY, "variables": _NULL}, {"0": "variables.file"})),
    Malformed("a path in a list of its own", _of({"query": QUERY, "variables": _NULL}, {"0": [["variables.file"]]})),
    Malformed("a path that is an object", _of({"query": QUERY, "variables": _NULL}, {"0": [{"variables": "file"}]})),
    Malformed("a path to a method", _with(_NULL, "variables.__class__")),
    Malformed("a path with spaces", _with(_NULL, " variables.file")),
    Malformed("a path that ends in a dot", _with(_NULL, "variables.file.")),
    Malformed("a path that is null", _of({"query": QUERY, "variables": _NULL}, {"0": [None]})),
    Malformed("a path that is a number", _of({"query": QUERY, "variables": _NULL}, {"0": [0]})),
    Malformed("no path", _with(_NULL)),
    Malformed("an empty path", _with(_NULL, "")),
    Malformed("two paths for one file", _with({"file": None, "other": None}, "variables.file", "variables.other")),
    Malformed("one path twice for one file", _with(_NULL, "variables.file", "variables.file")),
    Malformed("one path for two files", _of({"query": QUERY, "variables": _NULL}, {"0": ["variables.file"], "1": ["variables.file"]})),
    Malformed("a path inside another", _of({"query": QUERY, "variables": _NULL}, {"0": ["variables.file"], "1": ["variables.file.x"]})),
    Malformed("the path of the variables", _with(_NULL, "variables")),
    Malformed("the path of the query", _with(_NULL, "query")),
    Malformed("a path outside the variables", _with(_NULL, "extensions.file")),
    Malformed("a path of a batch", _with(_NULL, "0.variables.file")),
    Malformed("a path to nothing", _with(_NULL, "variables.other")),
    Malformed("a path beyond null", _with(_NULL, "variables.file.0")),
    Malformed("a path with an empty step", _with({"file": {"": None}}, "variables..file")),
    Malformed("a path to a string", _with({"file": "x"}, "variables.file")),
    Malformed("a path to false", _with({"file": False}, "variables.file")),
    Malformed("a path to an object", _with({"file": {}}, "variables.file")),
    Malformed("an index out of range", _with({"files": [None]}, "variables.files.1")),
    Malformed("a negative index", _with({"files": [None]}, "variables.files.-1")),
    Malformed("an index with a leading zero", _with({"files": [None]}, "variables.files.00")),
    Malformed("an index that is no number", _with({"files": [None]}, "variables.files.x")),
    Malformed("an index in other digits", _with({"files": [None]}, "variables.files.\u0660")),
    Malformed("a huge index", _with({"files": [None]}, "variables.files." + "9" * 5000)),
    Malformed("an attribute for an index", _with({"files": [None]}, "variables.files.append")),
    Malformed("variables missing", _of({"query": QUERY})),
    Malformed("variables null", _of({"query": QUERY, "variables": None})),
    Malformed("variables a number", _of({"query": QUERY, "variables": 5})),
    Malformed("a file called map", _of({"query": QUERY, "variables": _NULL}, {"map": ["variables.file"]})),
    Malformed("a file without a name in map", _of({"query": QUERY, "variables": _NULL}, {"": ["variables.file"]})),
]  # fmt: skip

CASES = [*STRUCTURE, *PARTS, *OPERATIONS, *MAP]
