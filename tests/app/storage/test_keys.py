"""R12: one key format, and no user text in it but a sanitised extension."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.storage.errors import InvalidKey
from app.storage.keys import check_key, extension_of, make_key, may_begin_key

pytestmark = pytest.mark.requirement("R12")

GROUP = UUID("0f5d9f50-3b0c-4a3d-8a63-6f6f4b1f8a10")
FILE = UUID("5e1c8a4e-3c1f-4d8e-9a57-1f0a3f6a2b11")
KEY = f"{GROUP}/2026/03/{FILE}.pdf"


def test_a_key_is_made_of_group_month_and_file() -> None:
    when = datetime(2026, 3, 9, tzinfo=UTC)
    assert make_key(GROUP, when, FILE, "Report.PDF") == KEY
    assert make_key(None, when, FILE, "notes") == f"system/2026/03/{FILE}"


def test_the_month_is_that_of_utc() -> None:
    new_year_in_tokyo = datetime.fromisoformat("2026-01-01T08:00:00+09:00")
    assert make_key(None, new_year_in_tokyo, FILE, "") == f"system/2025/12/{FILE}"
    with pytest.raises(ValueError, match="aware"):
        make_key(None, new_year_in_tokyo.replace(tzinfo=None), FILE, "")


@pytest.mark.parametrize(
    "name, extension",
    [
        ("report.pdf", ".pdf"),
        ("ARCHIVE.TAR.GZ", ".gz"),
        ("a.b", ".b"),
        ("x.1234567890abcdef", ".1234567890abcdef"),
        ("x.1234567890abcdefg", ""),
        ("report", ""),
        ("report.", ""),
        (".profile", ""),
        ("", ""),
        (".", ""),
        ("..", ""),
        ("Mr. Smith", ""),
        ("a.p\0df", ""),
        ("a.pdf\n", ""),
        ("a.p/df", ""),
        ("a.\N{KELVIN SIGN}", ""),
        ("a.ﬁ", ""),
        ("a.ПДФ", ""),
        ("a.１２", ""),
        ("evil/../../etc/x.txt", ".txt"),
    ],
)
def test_only_a_plain_extension_is_kept(name: str, extension: str) -> None:
    assert extension_of(name) == extension


@given(st.none() | st.uuids(), st.datetimes(timezones=st.just(UTC)), st.uuids(), st.text())
@example(None, datetime(1, 1, 1, tzinfo=UTC), FILE, "a.b")
@example(None, datetime(9999, 12, 31, tzinfo=UTC), FILE, "a.../b")
def test_every_key_that_is_made_passes_the_check(group: UUID | None, when: datetime, file: UUID, name: str) -> None:
    key = make_key(group, when, file, name)
    assert check_key(key) == key
    assert key.isascii()
    assert key == key.lower()
    assert re.fullmatch(r"[a-z0-9]{1,16}", key.rpartition("/")[2][37:] or "x")
    assert key.split("/")[:3] == [str(group or "system"), f"{when.year:04}", f"{when.month:02}"]
    assert all(may_begin_key(key[:cut]) for cut in range(len(key) + 1))


@pytest.mark.parametrize("text", ["\0", "system/2026\n", "SYSTEM", "é", "a b", "%2f", "\\"])
def test_no_key_begins_with_what_none_may_hold(text: str) -> None:
    assert not may_begin_key(text)


@given(st.text())
def test_no_other_text_passes(text: str) -> None:
    with pytest.raises(InvalidKey):
        check_key(text)


@given(st.integers(0, len(KEY) - 1), st.characters())
@example(0, "/")
@example(len(KEY) - 1, "\n")
def test_a_changed_key_passes_only_as_another_key(position: int, character: str) -> None:
    changed = KEY[:position] + character + KEY[position + 1 :]
    uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    if re.fullmatch(rf"{uuid}/[0-9]{{4}}/(0[1-9]|1[012])/{uuid}(\.[a-z0-9]{{1,16}})?", changed):
        assert check_key(changed) == changed
    else:
        with pytest.raises(InvalidKey) as refusal:
            check_key(changed)
        assert refusal.value.key == changed


@given(st.integers(0, len(KEY)), st.sampled_from(["..", "/", "/../", "./", "\\", "%2e%2e", "\0", "\n", " "]))
def test_a_path_trick_anywhere_is_refused(position: int, trick: str) -> None:
    with pytest.raises(InvalidKey):
        check_key(KEY[:position] + trick + KEY[position:])
