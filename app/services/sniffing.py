"""What a file is, told from its first bytes. The client's word for it is never taken.

Signatures are the published magic numbers of each format. ZIP, OLE and plain text are containers for many formats, so a
fixed table of extensions refines these three, and only these. Unknown is `application/octet-stream`.
"""

from dataclasses import dataclass

SNIFF_BYTES = 8 * 1024
UNKNOWN = "application/octet-stream"
_ZIP, _OLE, _TEXT = "application/zip", "application/x-ole-storage", "text/plain"

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (0, b"PK\x03\x04", _ZIP),
    (0, b"PK\x05\x06", _ZIP),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "application/ogg"),
    (0, b"MThd", "audio/midi"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x00\x00\x01\xb3", "video/mpeg"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
)

# The rows that a file may fit that begins with this byte, in the order of the table: few, and for most bytes one.
_BY_FIRST_BYTE = tuple(
    tuple(row for row in _SIGNATURES if row[0] or row[1][0] == first_byte) for first_byte in range(256)
)

_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}

_BRANDS = {
    b"avif": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"M4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
}

_EXECUTABLES: tuple[tuple[bytes, str], ...] = (
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-elf"),
    (b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe", "application/x-mach-binary"),  # also the magic of Java classes
    (b"\x00asm", "application/wasm"),
    (b"dex\n", "application/vnd.android.dex"),
    (b"#!", "text/x-shellscript"),
    (b"\xef\xbb\xbf#!", "text/x-shellscript"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
)

_EXECUTABLE_BEGINNINGS = tuple(magic for magic, _ in _EXECUTABLES)

# A list to read across.
# fmt: off
_EXECUTABLE_EXTENSIONS = frozenset({
    "apk", "app", "bash", "bat", "cmd", "com", "command", "cpl", "csh", "deb", "desktop", "dll", "exe", "fish",
    "gadget", "hta", "inf", "jar", "js", "jse", "ksh", "lnk", "mjs", "msi", "msp", "mst", "pif", "ps1", "psm1",
    "reg", "rpm", "run", "scr", "sh", "so", "sys", "vb", "vbe", "vbs", "workflow", "ws", "wsf", "wsh", "zsh",
})
# fmt: on

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
_REFINEMENTS: dict[str, dict[str, str]] = {
    _ZIP: {
        "docx": f"{_OFFICE}wordprocessingml.document",
        "xlsx": f"{_OFFICE}spreadsheetml.sheet",
        "pptx": f"{_OFFICE}presentationml.presentation",
        "odt": f"{_OPEN}text",
        "ods": f"{_OPEN}spreadsheet",
        "odp": f"{_OPEN}presentation",
        "epub": "application/epub+zip",
        "ggb": "application/vnd.geogebra.file",
    },
    _OLE: {
        "doc": "application/msword",
        "xls": "application/vnd.ms-excel",
        "ppt": "application/vnd.ms-powerpoint",
        "msg": "application/vnd.ms-outlook",
    },
    _TEXT: {
        "csv": "text/csv",
        "md": "text/markdown",
        "json": "application/json",
        "xml": "application/xml",
        "yaml": "application/yaml",
        "yml": "application/yaml",
        "html": "text/html",
        "htm": "text/html",
        "svg": "image/svg+xml",
        "css": "text/css",
        "ics": "text/calendar",
        "vcf": "text/vcard",
        "tex": "application/x-tex",
    },
}

# The control characters that text does not use: all but tab, line feed, form feed, carriage return and escape.
_NO_TEXT = bytes(byte for byte in range(32) if byte not in b"\t\n\f\r\x1b")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A verdict: the type, and whether it is something that a computer would run."""

    mime_type: str
    executable: bool


def sniff(head: bytes, name: str) -> Sniffed:
    """Judge a file by its first `SNIFF_BYTES` bytes (or all of a shorter one) and by its name's extension."""
    if head.startswith(_EXECUTABLE_BEGINNINGS):
        return Sniffed(next(kind for magic, kind in _EXECUTABLES if head.startswith(magic)), executable=True)
    mime_type = _by_magic(head) or (_TEXT if _is_text(head) else UNKNOWN)
    extension = _extension(name)
    refined = _REFINEMENTS.get(mime_type, {}).get(extension, mime_type)
    return Sniffed(refined, executable=extension in _EXECUTABLE_EXTENSIONS)


def names_executable(name: str) -> bool:
    """Whether a computer would run a file for its name alone."""
    return _extension(name) in _EXECUTABLE_EXTENSIONS


def is_accepted(mime_type: str, allowed: tuple[str, ...]) -> bool:
    """Whether `allowed` (types, or `image/*`) takes this type; an empty list takes every one."""
    family = mime_type.partition("/")[0] + "/*"
    return not allowed or mime_type in allowed or family in allowed


def _extension(name: str) -> str:
    """Without the dots and spaces behind it, which some systems drop when they store a file."""
    name = name.rstrip(". ")
    return name.rpartition(".")[2].lower() if "." in name else ""


def _by_magic(head: bytes) -> str | None:
    for offset, magic, mime_type in _BY_FIRST_BYTE[head[0]] if head else ():
        if head.startswith(magic, offset):
            return mime_type
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return None


def _is_text(head: bytes) -> bool:
    """UTF-8 or UTF-16 with a mark, and no control characters that text does not use."""
    if not head:
        return False
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    try:
        head.decode()  # first, since what is no text mostly fails here, after a few bytes
    except UnicodeDecodeError as error:
        # A character that the end of the head cuts in two is no sign of anything.
        if len(head) < SNIFF_BYTES or error.start < len(head) - 3:
            return False
    return head.translate(None, delete=_NO_TEXT) == head
