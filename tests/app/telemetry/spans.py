"""Looking at the spans that a server made."""

import asyncio
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.telemetry.setup import Telemetry


class Recorded:
    """The spans of one runtime, as they end."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.telemetry = Telemetry(span_processors=[SimpleSpanProcessor(self._exporter)])

    @property
    def all(self) -> Sequence[ReadableSpan]:
        """All spans that have ended."""
        return self._exporter.get_finished_spans()

    def clear(self) -> None:
        """Forget them."""
        self._exporter.clear()

    async def request(self, route: str = "/graphql") -> ReadableSpan:
        """The one span of a request on this route. It ends a moment after its answer."""
        async with asyncio.timeout(20):
            while not (found := [span for span in self.all if span.name.endswith(f" {route}")]):  # noqa: ASYNC110 - a span tells nobody
                await asyncio.sleep(0.005)
        (span,) = found
        return span

    def below(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """Those that were begun in this one, or in one of those."""
        children = [span for span in self.all if span.parent and span.parent.span_id == _id(parent)]
        return [each for child in children for each in (child, *self.below(child))]

    def text(self) -> str:
        """Everything that the spans say."""
        return "\n".join(span.to_json() for span in self.all)


def _id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def trace_of(span: ReadableSpan) -> str:
    """The id of its trace, in hexadecimal."""
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}"


def facts(span: ReadableSpan) -> dict[str, object]:
    """Its attributes."""
    return dict(span.attributes or {})
