"""Tokens, URLs, headers, and requests that are hardly HTTP."""

import base64
import json

from tests.hostile.cases import NOBODY, SIGNED, STUDENT, Case, gql

_ME = b'{"query": "{ me { id } }"}'


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _jwt(header: object, claims: object, signature: str = "c2lnbmF0dXJl") -> str:
    return f"{_segment(header)}.{_segment(claims)}.{signature}"


_CLAIMS = {
    "sub": "00000000-0000-4000-8000-000000000000",
    "iat": 1,
    "exp": 9_999_999_999,
    "iss": "satchel",
    "aud": "satchel",
}


def _token(what: str, value: str) -> Case:
    headers = {"Content-Type": "application/json", "Authorization": value}
    return Case(f"a token: {what}", 200, NOBODY, body=_ME, headers=headers)


_TOKENS = [
    gql("a token: none", "{ me { id } }", NOBODY, by=None),
    _token("a word", "Bearer x"),
    _token("nothing behind Bearer", "Bearer "),
    _token("another scheme", "Basic c3R1ZGVudDpzYXRjaGVsLWRlbW8="),
    _token("no scheme", STUDENT),
    _token("two tokens", f"Bearer {STUDENT} {STUDENT}"),
    _token("cut short", f"Bearer {STUDENT}"[:-10]),
    _token("with another signature", f"Bearer {STUDENT}x"),
    _token("without an algorithm", "Bearer " + _jwt({"alg": "none", "typ": "JWT"}, _CLAIMS, "")),
    _token("of a foreign key", "Bearer " + _jwt({"alg": "HS256", "typ": "JWT"}, _CLAIMS)),
    _token("of another algorithm", "Bearer " + _jwt({"alg": "RS256", "kid": "x"}, _CLAIMS)),
    _token("with a key of its own", "Bearer " + _jwt({"alg": "HS256", "jwk": {"kty": "oct", "k": "eA"}}, _CLAIMS)),
    _token("with a key elsewhere", "Bearer " + _jwt({"alg": "RS256", "jku": "http://127.0.0.1:1/keys"}, _CLAIMS)),
    _token("a kid that is a path", "Bearer " + _jwt({"alg": "HS256", "kid": "../../dev/null"}, _CLAIMS)),
    _token("claims that are a list", "Bearer " + _jwt({"alg": "HS256"}, [1])),
    _token("a header that is a number", "Bearer " + _jwt(5, _CLAIMS)),
    _token("dots", "Bearer ..."),
    _token("bytes", "Bearer \xff\xfe"),
    _token("twenty thousand characters", "Bearer " + "x" * 20_000),
    gql("a token: none, for a mutation", 'mutation { deleteFile(input: {id: "x"}) { file { id } } }', NOBODY, by=None),
    gql("a token: none, for a list", "{ files { nodes { id } } }", NOBODY, by=None),
    Case(
        "a token: none, for an upload", 401, NOBODY, body=b"--x--\r\n", headers={"Content-Type": "multipart/form-data; boundary=x"}
    ),
]  # fmt: skip


def _url(what: str, path: str, status: int, code: str | None, method: str = "GET", **headers: str) -> Case:
    return Case(f"a URL: {what}", status, code, method, path, headers=headers)


_URLS = [
    _url("nothing there", "/nothing", 404, "NOT_FOUND"),
    _url("the root", "/", 404, "NOT_FOUND"),
    _url("a slash too many", "/graphql/", 404, "NOT_FOUND"),
    _url("capitals", "/GraphQL", 404, "NOT_FOUND"),
    _url("upwards", "/../../etc/passwd", 404, "NOT_FOUND"),
    _url("upwards in escapes", "/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404, "NOT_FOUND"),
    _url("a zero byte", "/files/%00", 403, "SIGNED_URL_INVALID"),
    _url("a token that is none", "/files/x", 403, "SIGNED_URL_INVALID"),
    _url("no token", "/files/", 404, "NOT_FOUND"),
    _url("a token of base64", "/files/" + base64.urlsafe_b64encode(b'{"k": "x"}').decode(), 403, "SIGNED_URL_INVALID"),
    _url("a token without end", "/files/" + "A" * 20_000, 403, "SIGNED_URL_INVALID"),
    _url("a token with more behind it", f"{SIGNED}x", 403, "SIGNED_URL_INVALID"),
    _url("a token with a path behind it", f"{SIGNED}/x", 404, "NOT_FOUND"),
    _url("a token in a parameter", "/files?token=x", 404, "NOT_FOUND"),
    _url("a login's token", f"/files/{STUDENT}", 403, "SIGNED_URL_INVALID"),
    _url("POST to a file", SIGNED, 405, "METHOD_NOT_ALLOWED", "POST"),
    _url("PUT to a file", SIGNED, 405, "METHOD_NOT_ALLOWED", "PUT"),
    _url("DELETE of a file", SIGNED, 405, "METHOD_NOT_ALLOWED", "DELETE"),
    _url("POST to the probes", "/healthz", 405, "METHOD_NOT_ALLOWED", "POST"),
    _url("bytes beyond a file's end", SIGNED, 416, "RANGE_NOT_SATISFIABLE", Range="bytes=1000000-"),
    _url("a thousand ranges", SIGNED, 200, None, Range="bytes=" + ",".join(["0-"] * 1000)),
    _url("ranges without end", SIGNED, 200, None, Range="bytes=0-" + "9" * 5_000),
    _url("a range of nothing", SIGNED, 200, None, Range="bytes=-"),
    _url("a range of apples", SIGNED, 200, None, Range="apples=0-1"),
    _url("a moment that is none", SIGNED, 200, None, **{"If-Modified-Since": "yesterday"}),
    _url("ten thousand ETags", SIGNED, 200, None, **{"If-None-Match": ", ".join(['"x"'] * 10_000)}),
    _url("a request id with quotes", "/nothing", 404, "NOT_FOUND", **{"X-Request-ID": "\"><script>"}),
    _url("a request id without end", "/nothing", 404, "NOT_FOUND", **{"X-Request-ID": "x" * 5_000}),
    _url("a foreign host", "/nothing", 404, "NOT_FOUND", Host="elsewhere.example"),
    _url("an origin that is none", "/nothing", 404, "NOT_FOUND", Origin="null"),
    _url("another method in a header", "/nothing", 404, "NOT_FOUND", **{"X-HTTP-Method-Override": "DELETE"}),
    _url("an address in a header", "/nothing", 404, "NOT_FOUND", **{"X-Forwarded-For": "' OR 1=1 --"}),
    _url("a body for a probe", "/healthz", 413, "PAYLOAD_TOO_LARGE", **{"Content-Length": "100000000"}),
]  # fmt: skip


def _raw(what: str, status: int, *lines: bytes, body: bytes = b"", code: str | None = None) -> Case:
    return Case(f"the wire: {what}", status, code, raw=b"\r\n".join([*lines, b"", body]))


_POST = b"POST /graphql HTTP/1.1"
_HOST = b"Host: satchel"
_TYPE = b"Content-Type: application/json"

_WIRES = [
    _raw("no HTTP", 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    _raw("another protocol", 400, b"SSH-2.0-OpenSSH_9.9"),
    _raw("a version that is none", 400, b"GET / HTTP/9.9", _HOST),
    _raw("a method that is none", 400, b"FETCH /graphql HTTP/1.1", _HOST),
    _raw("a path that is none", 400, b"GET graphql HTTP/1.1", _HOST),
    _raw("a zero byte in a header", 400, b"GET / HTTP/1.1", b"X-A: \x00"),
    _raw("a header without a name", 400, b"GET / HTTP/1.1", b": x"),
    _raw("a folded header", 400, b"GET / HTTP/1.1", b" X-A: x"),
    _raw("a blank before the colon", 400, b"GET / HTTP/1.1", b"X-A : x"),
    _raw("a length that is none", 400, _POST, _HOST, _TYPE, b"Content-Length: x", body=_ME),
    _raw("a negative length", 400, _POST, _HOST, _TYPE, b"Content-Length: -1", body=_ME),
    _raw("two lengths", 400, _POST, _HOST, _TYPE, b"Content-Length: 5", b"Content-Length: 26", body=_ME),
    _raw("a length beyond 64 bits", 400, _POST, _HOST, _TYPE, b"Content-Length: " + b"9" * 40, body=_ME),
    _raw("a length and chunks", 400, _POST, _HOST, _TYPE, b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    _raw("chunks that are none", 400, _POST, _HOST, _TYPE, b"Transfer-Encoding: chunked", body=b"zz\r\n", code=None),
    _raw("a coding that nobody knows", 400, _POST, _HOST, _TYPE, b"Transfer-Encoding: gzip, identity", body=_ME),
    _raw("a terabyte, announced", 413, _POST, _HOST, _TYPE, b"Content-Length: 1000000000000", b"Connection: close", code="PAYLOAD_TOO_LARGE"),
    _raw("a head without end", 431, b"GET / HTTP/1.1", *[b"X-%d: %s" % (n, b"x" * 1000) for n in range(100)]),
    _raw("an upgrade to HTTP/2", 404, b"GET / HTTP/1.1", _HOST, b"Connection: Upgrade, close", b"Upgrade: h2c", code="NOT_FOUND"),
]  # fmt: skip

CASES = [*_TOKENS, *_URLS, *_WIRES]
