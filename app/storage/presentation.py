"""How a file is presented to a browser: the name, type and disposition that go with its bytes, whoever serves them.

`app.web.downloads` sends these values itself; a store that serves its own URLs is told to send them, by a signature.
"""

import re
import unicodedata
from urllib.parse import quote

# What a browser may show in place when a signed URL asks for it. None of these runs scripts; SVG, HTML and XML do.
INLINE_TYPES = frozenset(
    {
        "application/ogg",
        "application/pdf",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
        "video/mp4",
        "video/ogg",
        "video/webm",
    }
)

_UNKNOWN = "application/octet-stream"

# attr-char of RFC 5987, beside letters and digits, less the "~" and "_-." that quote() never touches anyway.
_ATTR_CHARS = "!#$&+^`|"

# Of printable ASCII, what must not stand in the quoted fallback: quotes and backslashes end or change it, clients differ
# about "%", and slashes make paths (RFC 6266, appendix D).
_NOT_IN_FALLBACK = re.compile(r'[^\x20-\x7e]|["\\%/]')

_MIME_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")

# Types whose documents say themselves how they are encoded; a charset here would overrule what they say.
_SELF_DESCRIBING = frozenset({"text/html", "text/xml"})


def content_type(mime_type: str) -> str:
    """The Content-Type for a stored type: that type, made safe, with a charset where browsers would have to guess it."""
    mime_type = mime_type.lower()
    if not _MIME_TYPE.fullmatch(mime_type):
        return _UNKNOWN
    # Text is UTF-8 nearly always. Where it is not, a byte order mark overrules the charset.
    if mime_type.startswith("text/") and mime_type not in _SELF_DESCRIBING:
        return f"{mime_type}; charset=utf-8"
    return mime_type


def shown_inline(mime_type: str, *, asked: bool) -> bool:
    """Whether a file of this type is shown in place: only when the URL asks for it and the type is harmless."""
    return asked and mime_type.lower() in INLINE_TYPES


def content_disposition(name: str, *, inline: bool) -> str:
    """The Content-Disposition for a file of this name: an ASCII fallback, and the whole name as RFC 6266 and 5987 write it.

    The name may be any text at all. Control characters and lone surrogates have no place in a file name and are dropped, path
    separators become underscores.
    """
    kept = "".join(char for char in name if unicodedata.category(char) not in {"Cc", "Cs"})
    whole = kept.replace("/", "_").replace("\\", "_").strip() or "file"
    fallback = _NOT_IN_FALLBACK.sub("_", whole)
    value = f'{"inline" if inline else "attachment"}; filename="{fallback}"'
    return value if fallback == whole else f"{value}; filename*=UTF-8''{quote(whole, safe=_ATTR_CHARS)}"
