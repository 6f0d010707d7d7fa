"""Header fields of a multipart body: its boundary, and the head of each part (RFC 7578, WHATWG HTML, RFC 5987)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from app.web.multipart.errors import MultipartError

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a pattern of RFC 9110, not a password
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*({_TOKEN})=("(?:[^"\\]|\\.)*"|[^";]*)', re.DOTALL)
_END = re.compile(r"[ \t]*;?[ \t]*")
# RFC 2046, section 5.1.1: 1 to 70 of these, not ending in a space.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
# How nearly every client announces it.
_USUAL_BOUNDARY = re.compile(r"[^;]*;[ \t]*boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})")
# What browsers send (WHATWG HTML, "multipart/form-data encoding algorithm"): a backslash means itself.
_BROWSER_DISPOSITION = re.compile(r'form-data; name="([^"]*)"(?:; filename="([^"]*)")?')
_EXTENDED_VALUE = re.compile(r"([A-Za-z0-9-]+)'[A-Za-z0-9-]*'((?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-Fa-f]{2})*)")

# The two heads that are the same in nearly every request.
_FIELD_HEADS = {f'form-data; name="{name}"': name for name in ("operations", "map")}

_TEXT_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})
_PLAIN_ENCODINGS = frozenset({"7bit", "8bit", "binary"})


def media_type(content_type: str) -> str:
    """The type and subtype of a Content-Type field, in lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def boundary_of(content_type: str) -> bytes:
    """The boundary that a request's Content-Type announces. Raises MultipartError."""
    if usual := _USUAL_BOUNDARY.fullmatch(content_type):
        return usual[1].encode()
    parameters = dict(_parameters(content_type, "The request's Content-Type"))
    if parameters.get("charset", "utf-8").strip('"').lower() not in _TEXT_CHARSETS:
        raise MultipartError("A multipart request is read as UTF-8 only.")
    boundary = _unquoted(parameters.get("boundary", "").rstrip(" \t"))
    if not _BOUNDARY.fullmatch(boundary):
        raise MultipartError("The request's Content-Type names no valid multipart boundary.")
    return boundary.encode()


class Disposition(NamedTuple):
    """What a part's Content-Disposition says. `file_name` is None for a field, and may be empty."""

    name: str
    file_name: str | None


@dataclass(slots=True)
class Part:
    """The head of one part. `size_estimate`: see `PartReader.estimate`."""

    name: str
    file_name: str | None
    content_type: str | None
    size_estimate: int | None = None

    def require_text(self) -> None:
        """Raise MultipartError unless the part is a form field in UTF-8."""
        if self.file_name is not None:
            raise MultipartError(f"The part {self.name!r} must be a form field, not a file.")
        if self.content_type is None:
            return
        charset = dict(_parameters(self.content_type, f"The Content-Type of {self.name!r}")).get("charset", "utf-8")
        if charset.strip('"').lower() not in _TEXT_CHARSETS:
            raise MultipartError(f"The part {self.name!r} must be in UTF-8.")


def read_head(fields: Sequence[tuple[str, str]]) -> Part:
    """The head of a part from its header fields, whose names are in Title-Case. Raises MultipartError."""
    if len(fields) == 1 and fields[0][0] == "Content-Disposition" and fields[0][1] in _FIELD_HEADS:
        return Part(_FIELD_HEADS[fields[0][1]], None, None)
    known: dict[str, str] = {}
    for field, value in fields:
        if field in known:
            raise MultipartError(f"A part has two {field} headers.")
        known[field] = value.strip(" \t")
    disposition = parse_disposition(known.get("Content-Disposition", ""))
    # RFC 7578, section 4.7: deprecated; what is encoded would be stored encoded.
    if known.get("Content-Transfer-Encoding", "binary").lower() not in _PLAIN_ENCODINGS:
        raise MultipartError(f"The part {disposition.name!r} must be sent as it is, without a transfer encoding.")
    return Part(disposition.name, disposition.file_name, known.get("Content-Type"))


def parse_disposition(value: str) -> Disposition:
    """The name and file name in a part's Content-Disposition. Raises MultipartError.

    Of percent-encodings only those three are decoded that browsers make (`%22`, `%0D`, `%0A`): any other percent sign is part of
    the name. `filename*` (RFC 5987) wins over `filename`, as RFC 6266 has it. Nothing is cleaned here.
    """
    if match := _BROWSER_DISPOSITION.fullmatch(value):
        name, file_name = match.groups()
        return Disposition(_percent_decoded(name), None if file_name is None else _percent_decoded(file_name))
    kind, _, _ = value.partition(";")
    if kind.strip().lower() != "form-data":
        raise MultipartError("A part has no Content-Disposition of form-data.")
    parameters = dict(_parameters(value, "A part's Content-Disposition"))
    if "name" not in parameters:
        raise MultipartError("A part has no name.")
    name = _decoded(parameters["name"])
    if "filename*" in parameters:
        return Disposition(name, _extended(_unquoted(parameters["filename*"])))
    return Disposition(name, _decoded(parameters["filename"]) if "filename" in parameters else None)


def _parameters(value: str, what: str) -> list[tuple[str, str]]:
    """The parameters of a field, names in lower case, values as they stand. Raises MultipartError for doubled ones."""
    start = position = len(value.partition(";")[0])
    found: dict[str, str] = {}
    while match := _PARAMETER.match(value, position):
        name = match[1].lower()
        if name in found:
            raise MultipartError(f"{what} has two {name} parameters.")
        found[name] = match[2]
        position = match.end()
    if start < len(value) and not _END.fullmatch(value, position):
        raise MultipartError(f"{what} cannot be read.")
    return list(found.items())


def _unquoted(value: str) -> str:
    return value[1:-1] if value.startswith('"') else value.strip(" \t")


def _decoded(value: str) -> str:
    if value.startswith('"') and "\\" in value:
        # Older clients escape with a backslash. Before any other character it means itself: C:\new\file.
        inner = re.sub(r'\\(["\\])', r"\1", value[1:-1])
        return inner if '\\"' in value else _percent_decoded(inner)
    return _percent_decoded(_unquoted(value))


def _percent_decoded(value: str) -> str:
    if "%" not in value:
        return value
    return value.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _extended(value: str) -> str:
    match = _EXTENDED_VALUE.fullmatch(value)
    charset = match[1].lower() if match else ""
    if match is None or charset not in {"utf-8", "iso-8859-1"}:
        raise MultipartError("A part's filename* cannot be read.")
    try:
        return unquote_to_bytes(match[2]).decode(charset)
    except UnicodeDecodeError:
        raise MultipartError("A part's filename* cannot be read.") from None
