"""Byte ranges: what a Range field asks for, and the multipart body that answers several (RFC 9110, section 14).

The defence against range floods stands here. A field that lists more than `MAX_RANGES` ranges is ignored, and ranges that
overlap or lie close together become one: so a response never holds a byte of the file twice, whatever was asked.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

MAX_RANGES = 16

# What a part of a multipart body costs in headers, in bytes. Ranges with a smaller gap are cheaper to send as one (14.2 of
# RFC 9110 allows it).
PART_OVERHEAD_BYTES = 128

# Room for MAX_RANGES ranges of any size of file, and nothing that takes long to parse.
_MAX_FIELD_CHARS = 1024

_FIELD = re.compile(r"bytes=(.*)", re.IGNORECASE | re.DOTALL)
_SPEC = re.compile(r"([0-9]*)-([0-9]*)")


@dataclass(frozen=True, slots=True, order=True)
class ByteRange:
    """The bytes [start, end) of a file, never empty."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def content_range(self, size: int) -> str:
        """The value of Content-Range for this part of `size` bytes (14.4)."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def select(fields: Sequence[str], size: int) -> tuple[ByteRange, ...] | None:
    """What to send of a file of `size` bytes, given the values of all Range fields of the request.

    None: the whole file, because there is no Range, or one that is to be ignored (another unit, malformed, too many ranges).
    Empty: nothing that was asked for is in the file, to be answered with 416. Otherwise the ranges in the order in which they
    were first asked for, none touching another.
    """
    specs = _parse(fields[0]) if len(fields) == 1 else None
    if specs is None:
        return None
    wanted = [found for first, last in specs if (found := _resolve(first, last, size)) is not None]
    if wanted:
        return _coalesce(wanted)
    # "The last n bytes" of nothing can be satisfied (14.1.2), but no Content-Range can say so: it is the whole, empty file.
    if size == 0 and any(first is None and last for first, last in specs):
        return None
    return ()


def _parse(field: str) -> list[tuple[int | None, int | None]] | None:
    """The (first, last) pairs of a Range field; `first` is None in a suffix range, `last` in an open one. None: ignore it."""
    match = _FIELD.fullmatch(field) if len(field) <= _MAX_FIELD_CHARS else None
    if match is None:
        return None
    specs: list[tuple[int | None, int | None]] = []
    for element in match[1].split(","):
        text = element.strip(" \t")
        if not text:
            continue  # empty list elements carry no meaning (5.6.1.2)
        spec = _SPEC.fullmatch(text)
        if spec is None or text == "-":
            return None
        first, last = (int(digits) if digits else None for digits in spec.groups())
        if first is not None and last is not None and last < first:
            return None
        specs.append((first, last))
    return specs if 0 < len(specs) <= MAX_RANGES else None


def _resolve(first: int | None, last: int | None, size: int) -> ByteRange | None:
    if first is None:
        start, end = max(0, size - (last or 0)), size
    else:
        start, end = first, size if last is None else min(last + 1, size)
    return ByteRange(start, end) if start < end else None


def _coalesce(wanted: list[ByteRange]) -> tuple[ByteRange, ...]:
    merged: list[tuple[int, ByteRange]] = []
    for place, found in sorted(enumerate(wanted), key=lambda item: item[1]):
        if merged and found.start <= merged[-1][1].end + PART_OVERHEAD_BYTES:
            before_place, before = merged[-1]
            merged[-1] = min(before_place, place), ByteRange(before.start, max(before.end, found.end))
        else:
            merged.append((place, found))
    return tuple(found for _, found in sorted(merged))


class MultipartRanges:
    """The frame of a multipart/byteranges body (14.6): a head before each range, a closing line, and the length of it all."""

    def __init__(self, ranges: Sequence[ByteRange], content_type: str, size: int) -> None:
        # Long and random: a file that contains it cannot be made on purpose, nor by accident.
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/byteranges; boundary={boundary}"
        self.heads = [
            f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n"
            f"Content-Range: {part.content_range(size)}\r\n\r\n".encode("latin-1")
            for part in ranges
        ]
        self.heads[0] = self.heads[0].removeprefix(b"\r\n")
        self.closing = f"\r\n--{boundary}--\r\n".encode("latin-1")
        self.length = sum(map(len, self.heads)) + sum(map(len, ranges)) + len(self.closing)
