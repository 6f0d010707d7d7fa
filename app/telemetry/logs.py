"""The log: one line per event, JSON for machines, readable in a terminal.

Our own events are written at once; the lines of libraries come by the standard library's root logger to the same stream, with
the same level and in the same form. What is bound to the context (the request's id, the operation's name) stands in every line
of that request, and where there is a trace, so do its ids.
"""

import json
import logging
import sys
from contextlib import nullcontext
from functools import partial
from typing import Any, TextIO

import orjson
import structlog

from app.telemetry.tracing import trace_ids

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# What uvicorn writes when a response is broken off. That has been logged by then, with its cause and its request id.
_ECHO = "ASGI callable returned without completing response."


class _Handler(logging.StreamHandler[TextIO]):
    """Told apart from handlers of others, which are left alone. Our own lines go past the records of the standard library,
    which cost three times as much as the line itself.
    """

    def write(self, line: str) -> None:
        """Write a line of ours, whole. Never raises: a log that cannot be written must not fail what it tells of."""
        with self.lock or nullcontext():
            try:  # and no `suppress`, which costs as much as the writing
                self.stream.write(line + self.terminator)
                self.stream.flush()
            except (OSError, ValueError):
                return


class _Writer:
    """What structlog hands its lines to; `name` is the logger's."""

    __slots__ = ("_handler", "name")

    def __init__(self, handler: _Handler, name: str = "satchel") -> None:
        self._handler = handler
        self.name = name

    def write(self, line: str) -> None:
        """One line, of whatever level."""
        self._handler.write(line)

    debug = info = warning = error = critical = write


class BoundOnce:
    """A logger for lines that every request writes.

    What `structlog.get_logger` gives puts itself together for each line, so that it follows the configuration; this one does so
    when the configuration has become another.
    """

    def __init__(self, name: str) -> None:
        self._unbound = structlog.get_logger(name)
        self._bound: structlog.typing.FilteringBoundLogger = self._unbound.bind()
        self._configuration = structlog.get_config()

    @property
    def logger(self) -> structlog.typing.FilteringBoundLogger:
        """It, as the logging is configured now. Not to be kept."""
        now, then = structlog.get_config(), self._configuration
        # By identity: lists of processors that are equal may each be changed later, as structlog's own tools for tests do.
        if not (
            now["processors"] is then["processors"]
            and now["wrapper_class"] is then["wrapper_class"]
            and now["logger_factory"] is then["logger_factory"]
        ):
            self._bound, self._configuration = self._unbound.bind(), now
        return self._bound


def configure_logging(level: str = "info", stream: TextIO | None = None, *, as_json: bool | None = None) -> None:
    """Send all lines from `level` (debug, info, warning, error) on to `stream`, standard error if None.

    `as_json` None means: JSON unless the stream is a terminal. May be called again; the last call counts. Servers are started
    without a logging configuration of their own (uvicorn: `log_config=None`).
    """
    stream = stream or sys.stderr
    handler = _Handler(stream)
    shared = _shared_processors()
    colours = stream.isatty()
    renderers = _machine_readable() if as_json or (as_json is None and not colours) else _readable(colours=colours)
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=partial(_Writer, handler),
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _without_colours],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    handler.addFilter(lambda record: record.msg != _ECHO)
    # The server's own access log would hold the secret part of signed URLs.
    logging.getLogger("uvicorn.access").disabled = True
    root = logging.getLogger()
    for former in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])


def bind_request(request_id: str) -> None:
    """Begin the log context of one request; whatever was bound in this context before is forgotten."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def request_id() -> str | None:
    """The id of the request that is being served, as its error messages tell it to the client."""
    found = structlog.contextvars.get_contextvars().get("request_id")
    return None if found is None else str(found)


def causes(error: BaseException) -> str | None:
    """The chain of what led to an error, for the log alone: it may name paths and hosts."""
    words = []
    while (cause := error.__cause__) is not None:
        words.append(f"{type(cause).__name__}: {cause}")
        error = cause
    return " <- ".join(words) or None


def _shared_processors() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        _trace,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]


def _trace(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    ids = trace_ids()
    if ids is not None:
        event["trace_id"], event["span_id"] = ids
    return event


def _without_colours(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event.pop("color_message", None)  # uvicorn says everything twice
    return event


def _readable(*, colours: bool) -> list[structlog.typing.Processor]:
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colours, timestamp_key="time", exception_formatter=plain)]


def _machine_readable() -> list[structlog.typing.Processor]:
    # Tracebacks as text, without the local variables: those hold names, tokens and keys.
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)]


def _dumps(event: Any, **_: Any) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # A lone surrogate or a number of more than 64 bits: a line must never be lost to its own form.
        return json.dumps(event, default=str)
