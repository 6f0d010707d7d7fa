"""Traces (R46): one from the request to everything that was done for it, in this process and in the one that its job went to.

A trace begins in two places, where a request or a message comes in. Everything below asks for a span below the present one,
and where there is none it gets nothing: what no request or job asked for makes no trace, and with tracing switched off none of
this costs more than a look at a variable.

What stands in a span: words of ours, counts, ids of jobs, statements without their values. Never a name, a key of an
object, an address that a client asked for, an argument, a document, a message of an error.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

__all__ = [
    "CARRIED",
    "NOTHING",
    "Carrier",
    "Origin",
    "Span",
    "SpanKind",
    "Tracing",
    "arrive",
    "carrier",
    "here",
    "is_traced",
    "span",
    "spans",
    "trace_ids",
]

Attributes = Mapping[str, AttributeValue]
Carrier = Mapping[str, str]

CARRIED = ("traceparent", "tracestate")  # W3C Trace Context; baggage is not: it is the client's

_W3C = TraceContextTextMapPropagator()
NOTHING: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)

# The tracer of the runtime that this request or job belongs to: spans below need not be told which.
_tracer: ContextVar[Tracer | None] = ContextVar("satchel_tracer", default=None)


class Tracing:
    """Begins the traces of one runtime; without a tracer none."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer

    @property
    def on(self) -> bool:
        """Whether there are traces at all."""
        return self._tracer is not None

    def begin(
        self, name: str, kind: SpanKind, sender: Carrier, attributes: Attributes | None = None
    ) -> AbstractContextManager[Span]:
        """The first span of a request or a message in this process; part of the sender's trace, if it told of one."""
        if self._tracer is None:
            return NOTHING
        return _begun(self._tracer, name, kind, attributes, _W3C.extract(sender, Context()))


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
) -> AbstractContextManager[Span]:
    """A span below the present one, for as long as the block takes; nothing where there is none.

    It becomes the present one: the block must be entered and left in the same task.
    """
    tracer = _tracer.get()
    return NOTHING if tracer is None else _spanned(tracer, name, kind, attributes, None)


def is_traced() -> bool:
    """Whether a span asked for now would be below a present one: for attributes that take work."""
    return _tracer.get() is not None


@dataclass(frozen=True, slots=True)
class Origin:
    """A span that something goes back to which is done later, by somebody else and for many at once."""

    tracer: Tracer
    span: Span


def here() -> Origin | None:
    """The present span; None where there is none."""
    tracer = _tracer.get()
    return None if tracer is None else Origin(tracer, get_current_span())


@contextmanager
def spans(origins: Iterable[Origin | None], name: str, kind: SpanKind, attributes: Attributes) -> Iterator[None]:
    """A span below each of several, for as long as the block takes."""
    distinct = {origin.span.get_span_context().span_id: origin for origin in origins if origin is not None}
    begun = [
        origin.tracer.start_span(name, set_span_in_context(origin.span, Context()), kind, attributes)
        for origin in distinct.values()
    ]
    try:
        yield
    finally:
        for each in begun:
            each.end()


def carrier() -> dict[str, str]:
    """What tells another process of the present span; empty where there is none."""
    found: dict[str, str] = {}
    if get_current_span() is not INVALID_SPAN:
        _W3C.inject(found)
    return found


def arrive(sender: Carrier) -> None:
    """Make the sender's span the present one, for the rest of this task."""
    contexts.attach(_W3C.extract(sender))


def trace_ids() -> tuple[str, str] | None:
    """The ids of the present trace and span, in hexadecimal, for the log."""
    if not contexts.get_current():  # nothing at all is present, as where nobody traces: the quickest way to know
        return None
    found = get_current_span().get_span_context()
    return (f"{found.trace_id:032x}", f"{found.span_id:016x}") if found.is_valid else None


@contextmanager
def _begun(tracer: Tracer, name: str, kind: SpanKind, attributes: Attributes | None, sender: Context) -> Iterator[Span]:
    token = _tracer.set(tracer)
    try:
        with _spanned(tracer, name, kind, attributes, sender) as begun:
            yield begun
    finally:
        _tracer.reset(token)


@contextmanager
def _spanned(
    tracer: Tracer, name: str, kind: SpanKind, attributes: Attributes | None, parent: Context | None
) -> Iterator[Span]:
    begun = tracer.start_span(name, parent, kind, attributes)
    token = contexts.attach(set_span_in_context(begun, parent))
    try:
        yield begun
    except Exception as error:
        # Its kind and never its words: those may hold names, keys and values.
        begun.set_attribute("error.type", str(getattr(error, "code", type(error).__name__)))
        begun.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        contexts.detach(token)
        begun.end()
