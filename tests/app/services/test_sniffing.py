"""Types come from the first bytes; the fixed table of extensions refines ZIP, OLE and text, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.sniffing import SNIFF_BYTES, is_accepted, sniff

pytestmark = pytest.mark.requirement("R3")

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
ZIP = b"PK\x03\x04" + bytes(40)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40)


@pytest.mark.parametrize(
    "head, name, expected",
    [
        (b"%PDF-1.7\n", "essay.pdf", "application/pdf"),
        (PNG, "photo.jpg", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "photo", "image/jpeg"),
        (b"GIF89a\x01\x00", "a.gif", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "a.webp", "image/webp"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "a.wav", "audio/wav"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00", "lesson.mp4", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00", "lesson.mov", "video/quicktime"),
        (ZIP, "essay.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (ZIP, "ESSAY.DOCX", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (ZIP, "essay.pdf", "application/zip"),
        (OLE, "table.xls", "application/vnd.ms-excel"),
        (b"a,b\n1,2\n", "table.csv", "text/csv"),
        ("Grüße".encode(), "note.txt", "text/plain"),
        (b"<script>alert(1)</script>", "note.txt", "text/plain"),
        (b"\xff\xfeh\x00i\x00", "note.txt", "text/plain"),
        (bytes(100), "essay.pdf", "application/octet-stream"),
        (b"", "essay.txt", "application/octet-stream"),
        (b"\x00\x01\x02", "photo.png", "application/octet-stream"),
        (bytes(257) + b"ustar", "a.tar", "application/x-tar"),
        (b"fLaC".ljust(257) + b"ustar", "a.tar", "application/x-tar"),
        (b"%PDF-".ljust(257) + b"ustar", "a.tar", "application/pdf"),
        (b"\x1b[1mBold\x1b[0m\t\f\r\n", "note.txt", "text/plain"),
        (b"a\x0bb", "note.txt", "application/octet-stream"),
    ],
)
def test_the_bytes_decide(head: bytes, name: str, expected: str) -> None:
    sniffed = sniff(head, name)
    assert (sniffed.mime_type, sniffed.executable) == (expected, False)


@pytest.mark.parametrize(
    "head, name",
    [
        (b"MZ\x90\x00", "holiday.jpg"),
        (b"\x7fELF\x02\x01", "essay.pdf"),
        (b"#!/bin/sh\nrm -rf /\n", "notes.txt"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "notes.txt"),
        (b"\xca\xfe\xba\xbe\x00\x00", "Main.class"),
        (b"echo hello", "run.bat"),
        (b"echo hello", "run.BAT"),
        (b"alert(1)", "page.js"),
        (PNG, "photo.png.exe"),
    ],
)
def test_what_a_computer_would_run_is_told_by_magic_or_extension(head: bytes, name: str) -> None:
    assert sniff(head, name).executable


def test_a_character_cut_at_the_end_of_the_head_is_still_text() -> None:
    text = ("a" + "é" * SNIFF_BYTES).encode()
    assert sniff(text[:SNIFF_BYTES], "note.txt").mime_type == "text/plain"


@pytest.mark.parametrize(
    "mime_type, allowed, accepted",
    [
        ("image/png", (), True),
        ("image/png", ("image/png",), True),
        ("image/png", ("image/*",), True),
        ("image/png", ("application/pdf", "video/*"), False),
        ("imagex/png", ("image/*",), False),
    ],
)
def test_the_list_of_accepted_types(mime_type: str, allowed: tuple[str, ...], accepted: bool) -> None:
    assert is_accepted(mime_type, allowed) is accepted


@given(head=st.binary(max_size=600), name=st.text(max_size=30))
def test_any_bytes_have_some_type(head: bytes, name: str) -> None:
    assert "/" in sniff(head, name).mime_type
