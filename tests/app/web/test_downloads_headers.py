"""Headers of files: names and types are users' words, and must stay data."""

import string
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.web.headers import INLINE_TYPES, content_disposition, content_type, security_headers, shown_inline

pytestmark = pytest.mark.requirement("R4")

TOKEN = set(string.ascii_letters + string.digits + "!#$&+-.^_`|~%'")


def take_apart(value: str) -> tuple[str, str, str | None]:
    """Disposition, fallback and extended name, by a strict reading that knows nothing of how the value is made."""
    kind, _, rest = value.partition('; filename="')
    fallback, quote, rest = rest.partition('"')
    assert quote == '"'
    if not rest:
        return kind, fallback, None
    prefix = "; filename*=UTF-8''"
    assert rest.startswith(prefix)
    encoded = rest[len(prefix) :]
    assert set(encoded) <= TOKEN
    return kind, fallback, unquote(encoded, errors="strict")


@given(name=st.text(max_size=60), inline=st.booleans())
@example(name='a"; filename="b.exe', inline=False)
@example(name="a\r\nSet-Cookie: x=1\r\n\r\n<script>", inline=False)
@example(name="\ud800\udfff.pdf", inline=True)
@example(name="..\\..\\etc/passwd", inline=False)
@example(name="%41.txt", inline=False)
@example(name="a'b''c.txt", inline=False)
@example(name="\x00\x7f\x85", inline=False)
@example(name="", inline=False)
def test_no_name_breaks_out_of_its_field(name: str, *, inline: bool) -> None:
    value = content_disposition(name, inline=inline)
    assert value.isascii()
    assert value.isprintable()
    kind, fallback, extended = take_apart(value)
    assert kind == ("inline" if inline else "attachment")
    assert not set(fallback) & set('"\\%/')
    whole = fallback if extended is None else extended
    assert whole
    assert not set(whole) & set("/\\")
    assert whole.isascii() or extended is not None
    whole.encode()  # raises for a lone surrogate


@pytest.mark.parametrize(
    "name, expected",
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("two words.txt", 'attachment; filename="two words.txt"'),
        ("Übung №1.pdf", "attachment; filename=\"_bung _1.pdf\"; filename*=UTF-8''%C3%9Cbung%20%E2%84%961.pdf"),
        ("日本.png", "attachment; filename=\"__.png\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.png"),
        ('say "hi".txt', "attachment; filename=\"say _hi_.txt\"; filename*=UTF-8''say%20%22hi%22.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("it's (1)*.txt", 'attachment; filename="it\'s (1)*.txt"'),
        ("a\r\nb.txt", 'attachment; filename="ab.txt"'),
        ("a/b\\c.txt", 'attachment; filename="a_b_c.txt"'),
        ("\r\n", 'attachment; filename="file"'),
        ("\ud83d.txt", 'attachment; filename=".txt"'),
        ("😀.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%F0%9F%98%80.txt"),
    ],
)
def test_names_are_written_as_the_rfc_says(name: str, expected: str) -> None:
    assert content_disposition(name, inline=False) == expected


@pytest.mark.parametrize(
    "mime_type, expected",
    [
        ("image/png", "image/png"),
        ("IMAGE/PNG", "image/png"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/html", "text/html"),
        ("application/json", "application/json"),
        ("image/svg+xml", "image/svg+xml"),
        ("text/plain; charset=utf-7", "application/octet-stream"),
        ("text/plain\r\nX: y", "application/octet-stream"),
        ("text/plain\n", "application/octet-stream"),
        ("text", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("テキスト/plain", "application/octet-stream"),
    ],
)
def test_types_are_sent_as_stored_or_as_bytes(mime_type: str, expected: str) -> None:
    assert content_type(mime_type) == expected


@pytest.mark.parametrize(
    "mime_type",
    [
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "application/xml",
        "text/xml",
        "text/css",
        "application/json",
    ],
)
def test_types_that_can_act_are_never_shown_inline(mime_type: str) -> None:
    assert not shown_inline(mime_type, asked=True)
    assert mime_type not in INLINE_TYPES


@pytest.mark.parametrize("mime_type", sorted(INLINE_TYPES))
def test_harmless_types_are_shown_inline_when_that_is_asked_for(mime_type: str) -> None:
    assert shown_inline(mime_type, asked=True)
    assert not shown_inline(mime_type, asked=False)


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("mime_type", [*sorted(INLINE_TYPES), "text/html", "image/svg+xml"])
def test_everything_but_a_pdf_in_its_viewer_is_sandboxed(mime_type: str, *, inline: bool) -> None:
    headers = security_headers(mime_type, inline=inline)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    policy = headers["content-security-policy"]
    assert "script-src" not in policy
    if mime_type == "application/pdf" and inline:
        assert "sandbox" not in policy
    else:
        assert policy.startswith("sandbox; default-src 'none'")
