"""A GraphQL multipart request: its operation at once, its files while they arrive."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Self

from app.errors import BadUserInput, PayloadTooLarge
from app.web.body import RequestBody
from app.web.multipart.errors import MultipartError
from app.web.multipart.headers import Part, boundary_of
from app.web.multipart.placement import MAX_FILES, Slot, check_operations, find_slots
from app.web.multipart.reader import PartReader
from app.web.strict_json import loads


@dataclass(frozen=True, slots=True)
class FormLimits:
    """Bounds of what is read into memory, in bytes."""

    operations_bytes: int = 1024 * 1024
    map_bytes: int = 64 * 1024


class MultipartForm:
    """A request that has been read up to the head of its first file.

    `operations` holds an `UploadStream` wherever `map` puts a file; `variables_with_files` are the names of the variables in which
    they are. The rest of the body is read when somebody iterates a stream, and not before.
    """

    def __init__(self, operations: dict[str, object], slots: Mapping[str, Slot], reader: PartReader) -> None:
        self._reader = reader
        self.operations = operations
        self.variables_with_files = frozenset(slot.variable for slot in slots.values())
        self.files: dict[str, UploadStream] = {name: UploadStream(name, self) for name in slots}
        for name, slot in slots.items():
            slot.fill(self.files[name])
        self._current: UploadStream | None = None

    @classmethod
    async def open(cls, body: RequestBody, content_type: str, limits: FormLimits | None = None) -> Self:
        """Read `operations`, `map` and the head of the first file.

        Raises MultipartError, InvalidJson, PayloadTooLarge, ClientDisconnected, BodyTimedOut.
        """
        limits = limits or FormLimits()
        reader = PartReader(body, boundary_of(content_type), max_parts=MAX_FILES + 2)
        operations = check_operations(await _read_field(reader, "operations", limits.operations_bytes))
        mapping = await _read_field(reader, "map", limits.map_bytes)
        form = cls(operations, find_slots(operations, mapping), reader)
        await form.advance()
        return form

    @property
    def failure(self) -> BadUserInput | PayloadTooLarge | None:
        """What is wrong with the body, as far as it has been read."""
        return self._reader.failure

    def let_go(self) -> None:
        """Forget the files: the request is over. They and the form hold each other, and with them the connection, and would wait for
        the garbage collector.
        """
        self.files.clear()
        self.operations = {}
        self._current = None

    async def advance(self) -> None:
        """Go to the head of the next file, or to the end of the body when all have come. Raises as `open` does."""
        part = await self._reader.next_part()
        if part is None:
            self._current = None
            missing = [name for name, stream in self.files.items() if not stream.arrived]
            if missing:
                self._reader.fail(
                    MultipartError(f"map names the file {missing[0][:100]!r}, which the body does not hold.")
                )
            return
        stream = self.files.get(part.name)
        if stream is None:
            self._reader.fail(MultipartError(f"The body holds a part {part.name[:100]!r} that map does not name."))
        if stream.arrived:
            self._reader.fail(MultipartError(f"The body holds the file {part.name[:100]!r} twice."))
        if not part.file_name:
            self._reader.fail(MultipartError(f"The part {part.name[:100]!r} must be a file with a file name."))
        stream.arrive(part)
        self._current = stream
        last = all(other.arrived for other in self.files.values())
        part.size_estimate = await self._reader.estimate(last=last)

    async def seek(self, stream: "UploadStream") -> None:
        """Go to the head of `stream`, past the files in front of it. Raises BadUserInput when it has gone by."""
        while self._current is not stream:
            self._reader.check()
            if stream.arrived:
                raise BadUserInput("Files are read in the order of the request's body: a later one has begun.")
            # What is skipped is lost, also when the skipping is cancelled: nobody may go on with the present file after this.
            self._current = None
            await self.advance()

    async def read(self, stream: "UploadStream") -> bytes:
        """The next bytes of `stream`; `b""` at its end, and only when what follows is in order."""
        if self._current is not stream:
            await self.seek(stream)
        chunk = await self._reader.next_data()
        if not chunk:
            await self.advance()
        return chunk


class UploadStream:
    """One file of a request, to be read once and while it arrives.

    Its bytes end only after the next file's head, or after the proper end of the whole body for the last file: a reader that has
    come to the end may rely on it that the request was not cut short and held nothing else.
    """

    def __init__(self, name: str, form: MultipartForm) -> None:
        self._name = name
        self._form = form
        self._part: Part | None = None
        self._taken = False

    def __repr__(self) -> str:
        return f"<UploadStream {self._name[:100]!r}>"

    @property
    def arrived(self) -> bool:
        """The head of the file has been read: its name is known."""
        return self._part is not None

    @property
    def file_name(self) -> str:
        """The name as the client gave it, not cleaned."""
        return self._head.file_name or ""

    @property
    def content_type(self) -> str | None:
        """The type as the client gave it."""
        return self._head.content_type

    @property
    def size_estimate(self) -> int | None:
        """An upper bound of the file's bytes, close to the truth; None when the request told no length, and in front of other
        files, which share it. See `PartReader.estimate`.
        """
        return self._head.size_estimate

    async def begin(self) -> None:
        """Go on to this file, past what is left of the files in front of it; then its name, type and estimate are known.

        Needed before these are asked of any file but the first. Raises BadUserInput when a later file has begun, MultipartError,
        ClientDisconnected, BodyTimedOut.
        """
        await self._form.seek(self)

    def arrive(self, part: Part) -> None:
        """The body has come to this file."""
        self._part = part

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The file's bytes, in chunks as they arrive. Raises BadUserInput when it was asked before; see `begin` for the rest."""
        if self._taken:
            raise BadUserInput("A file of a request can be used once.")
        self._taken = True
        return _Chunks(self._form, self)

    @property
    def _head(self) -> Part:
        if self._part is None:
            raise RuntimeError("the file has not arrived: await begin() first")
        return self._part


class _Chunks:
    """What iterates an `UploadStream`: its own iterator, so that a reader may stop and go on."""

    def __init__(self, form: MultipartForm, stream: UploadStream) -> None:
        self._form = form
        self._stream = stream
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._ended and (chunk := await self._form.read(self._stream)):
            return chunk
        self._ended = True  # for whoever asks again
        raise StopAsyncIteration


async def _read_field(reader: PartReader, name: str, limit_bytes: int) -> object:
    part = await reader.next_part()
    if part is None or part.name != name:
        reader.fail(MultipartError(f"The body must begin with the fields operations and map: {name} is not there."))
    part.require_text()
    chunks = []
    size = 0
    while chunk := await reader.next_data():
        size += len(chunk)
        if size > limit_bytes:
            reader.fail(PayloadTooLarge(limit_bytes))
        chunks.append(chunk)
    return loads(b"".join(chunks), name)
