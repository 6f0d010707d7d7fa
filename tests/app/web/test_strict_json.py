import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.strict_json import InvalidJson, loads


@pytest.mark.parametrize(
    "text, value",
    [
        (b'{"a": [1, 2.5, true, null, "\xc3\xa9"]}', {"a": [1, 2.5, True, None, "é"]}),
        (b'"\\ud83c\\udf53"', "🍓"),
        (b"18446744073709551617", 2**64 + 1),
        (b"-9223372036854775809", -(2**63) - 1),
        (b" [] ", []),
        (b"[" * 64 + b"]" * 64, None),
        (b"18446744073709551615", 2**64 - 1),
        (b"[18446744073709551616,1]", [2**64, 1]),
        (b"-0", 0),
        (b'{"query": "' + b"{" * 500 + b'"}', {"query": "{" * 500}),
    ],
)
def test_json_is_read_exactly(text: bytes, value: object) -> None:
    if value is not None:
        assert loads(text, "x") == value
    else:
        loads(text, "x")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"'a'",
        b"[1,]",
        b"nul",
        b"NaN",
        b"-Infinity",
        b"1e400",
        b"9" * 10_000,
        b'"\xff"',
        b'"\\udc00"',
        b"\xef\xbb\xbf1",
        '"é"'.encode("utf-16"),
        b"[1] 2",
        b"[" * 65 + b"]" * 65,
        b"[" * 300 + b"]" * 300,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b"[" * 1_000_000,
        b'{"a": 1, "b": {"c": 2, "c": 2}}',
        b'{"a":1,"b":{"c":2,"c":2}}',
    ],
)
def test_anything_doubtful_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidJson, match=r"^The body (holds|is)"):
        loads(text, "The body")


def test_a_doubled_key_is_named() -> None:
    with pytest.raises(InvalidJson, match="holds the key 'b' twice"):
        loads(b'{"a": 1, "b": 1, "a2": 1, "b": 2}', "map")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=_JSON, compact=st.booleans(), ascii_only=st.booleans())
def test_whatever_the_spelling_the_value_is_the_same(value: object, compact: bool, ascii_only: bool) -> None:
    text = json.dumps(value, separators=(",", ":") if compact else None, ensure_ascii=ascii_only)
    assert repr(loads(text.encode(), "x")) == repr(value)
