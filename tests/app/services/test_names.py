"""File names: kept as people give them, without what could hurt someone."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadUserInput
from app.services.names import clean_name, clean_text, fold_name


@pytest.mark.parametrize(
    "given_name, expected",
    [
        ("essay.pdf", "essay.pdf"),
        ("Grüße aus Łódź.txt", "Grüße aus Łódź.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\essay.pdf", "essay.pdf"),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ("  essay.pdf  ", "essay.pdf"),
        ("cv\u202efdp.exe", "cvfdp.exe"),
        ("e\u0301tude.txt", "\u00e9tude.txt"),
        ("👩‍🏫.png", "👩‍🏫.png"),
        (".gitignore", ".gitignore"),
        ("\ud800a.txt", "a.txt"),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_name_is_kept_without_paths_and_controls(given_name: str, expected: str) -> None:
    assert clean_name(given_name) == expected


@pytest.mark.parametrize("given_name", ["", "   ", "..", ".", "a/..", "a/", "\x00\x01", "x" * 256, "é" * 128])
def test_a_name_that_cannot_be_kept_is_refused(given_name: str) -> None:
    with pytest.raises(BadUserInput) as refusal:
        clean_name(given_name)
    assert refusal.value.field == "name"


@given(st.text(max_size=300))
def test_whatever_is_given_a_kept_name_is_harmless(given_name: str) -> None:
    try:
        name = clean_name(given_name)
    except BadUserInput:
        return
    assert len(name.encode()) <= 255
    assert not set("/\\\x00\r\n") & set(name)
    assert all(unicodedata.category(character) != "Cc" for character in name)
    assert name == unicodedata.normalize("NFC", name)
    assert clean_name(name) == name
    fold_name(name).encode()


@pytest.mark.parametrize(
    "dropped", ["\x00", "\x7f", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\u200e", "\u061c", "\ufeff"]
)
def test_nothing_that_is_dropped_passes_for_printable(dropped: str) -> None:
    assert clean_text(f"a{dropped}b") == "ab"
