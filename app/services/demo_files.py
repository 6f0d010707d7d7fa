"""Small real files for the demo district, made here so that none has to be shipped: every viewer opens them."""

import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file whose bytes are all there, in the form in which `Uploads` takes one."""

    file_name: str
    content: bytes

    @property
    def size_estimate(self) -> int:
        """The size, bytes."""
        return len(self.content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """All of it at once."""
        yield self.content


def lesson_plan() -> SampleFile:
    """A page of PDF."""
    return SampleFile("Leaf diary.pdf", _pdf("Leaf diary: draw one leaf a day, for a week."))


def photo() -> SampleFile:
    """A PNG picture of something green."""
    return SampleFile("Leaf.png", _png(160, 120))


def measurements() -> SampleFile:
    """A table as CSV."""
    rows = "".join(f"2026-05-{day:02d},{41 + day * 2},{28 + day}\n" for day in range(1, 8))
    return SampleFile("Measurements.csv", f"date,length_mm,width_mm\n{rows}".encode())


def _pdf(line: str) -> bytes:
    text = f"BT /F1 20 Tf 60 760 Td ({line}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    # ISO 32000-1, 7.5.4: entries of the cross-reference table have exactly 20 bytes.
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(body))
    return body + b"xref\n0 %d\n" % count + table + trailer


def _png(width: int, height: int) -> bytes:
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        for x in range(width):
            vein = abs(x - width // 2) < 2 or abs((x - width // 2) ** 2 // 40 + y % 24 - 12) < 2
            rows += bytes((60, 110, 40) if vein else (90 + y // 2, 170 + x // 4, 70))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits a channel, RGB
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, data) for kind, data in chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
