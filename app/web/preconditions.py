"""Conditional requests for a file, by its ETag and its Last-Modified (RFC 9110, sections 8.8 and 13)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum, auto

from starlette.datastructures import Headers

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')

_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# The three forms that a recipient must accept (5.6.7); only the first may be sent.
_DATES = (
    re.compile(rf"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(
        "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, "
        rf"(?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"
    ),
    re.compile(rf"{_DAY} {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


class Outcome(Enum):
    """What the preconditions make of a GET or HEAD."""

    PROCEED = auto()
    NOT_MODIFIED = auto()  # 304
    FAILED = auto()  # 412


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one version of a file from another. A stored file never changes, so both are strong validators.

    `etag` is quoted, without a weakness mark; `modified_at` is cut to whole seconds, as HTTP dates are.
    """

    etag: str
    modified_at: datetime

    @classmethod
    def of(cls, sha256: str, modified_at: datetime) -> "Validators":
        """For the bytes with this checksum (hexadecimal), stored at this moment (aware)."""
        return cls(f'"{sha256}"', modified_at.astimezone(UTC).replace(microsecond=0))

    @property
    def last_modified(self) -> str:
        """The value of Last-Modified."""
        return format_datetime(self.modified_at, usegmt=True)

    def evaluate(self, headers: Headers) -> Outcome:
        """The preconditions of a GET or HEAD in their order of precedence (13.2.2)."""
        if "if-match" in headers:
            if not self._among(headers.getlist("if-match"), weak=False):
                return Outcome.FAILED
        elif (moment := self._only_date(headers, "if-unmodified-since")) is not None and self.modified_at > moment:
            return Outcome.FAILED
        if "if-none-match" in headers:
            if self._among(headers.getlist("if-none-match"), weak=True):
                return Outcome.NOT_MODIFIED
        elif (moment := self._only_date(headers, "if-modified-since")) is not None and self.modified_at <= moment:
            return Outcome.NOT_MODIFIED
        return Outcome.PROCEED

    def allow_range(self, headers: Headers) -> bool:
        """Whether a Range is to be honoured: If-Range is absent, or names this very version (13.1.5)."""
        values = headers.getlist("if-range")
        if not values:
            return True
        if len(values) > 1:
            return False
        # A weak tag never matches, and a date only when it is the same one: "not older" would not be enough here.
        return values[0].strip(" \t") == self.etag or self._only_date(headers, "if-range") == self.modified_at

    def _among(self, fields: list[str], *, weak: bool) -> bool:
        """Whether a list of entity tags names this version; weak comparison takes weak tags too (8.8.3.2)."""
        text = ", ".join(fields).strip(" \t")
        return text == "*" or any(tag == self.etag and (weak or not is_weak) for is_weak, tag in _entity_tags(text))

    def _only_date(self, headers: Headers, name: str) -> datetime | None:
        """The date of a field, or None when the field must be ignored: absent, doubled, or no HTTP date (13.1.3, 13.1.4)."""
        values = headers.getlist(name)
        return parse_date(values[0], since=self.modified_at.year) if len(values) == 1 else None


def _entity_tags(text: str) -> Iterator[tuple[bool, str]]:
    for match in _TAG.finditer(text):
        yield match[1] is not None, f'"{match[2]}"'


def parse_date(text: str, *, since: int) -> datetime | None:
    """An HTTP date in any of its three forms, in UTC; None when it is none.

    One form has two digits for the year. They stand for the last year that ends in them and is at most 50 after `since`; 5.6.7
    says so of the present year, and no file here is dated later than that.
    """
    for form in _DATES:
        match = form.fullmatch(text.strip(" \t"))
        if match is None:
            continue
        year, day, hour, minute, second = (int(match[name]) for name in ("year", "day", "hour", "minute", "second"))
        if len(match["year"]) == 2:
            year = since + 50 - (since + 50 - year) % 100
        try:
            # The library knows no leap seconds.
            moment = datetime(year, _MONTHS.index(match["month"]) + 1, day, hour, minute, tzinfo=UTC)
            return moment.replace(second=59 if second == 60 else second)
        except ValueError:
            return None
    return None
