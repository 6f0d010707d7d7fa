"""What one runtime measures and traces with, from OpenTelemetry's own variables.

Metrics are always kept, for `/metrics`. Nothing leaves the process, and no tracer exists, unless the environment names a place:
`OTEL_EXPORTER_OTLP_ENDPOINT`, the same for one signal, or `OTEL_TRACES_EXPORTER` and `OTEL_METRICS_EXPORTER`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import TYPE_CHECKING

import structlog
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from app.telemetry.exporting import HistogramFamilies, WithHistograms
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

PROMETHEUS_TEXT = CONTENT_TYPE_PLAIN_0_0_4

_SERVICE = "satchel"
_LAST_SECONDS = 5.0  # what is not exported so long after the end is lost
_EXPORTERS = frozenset({"otlp", "console", "none"})

_log = structlog.get_logger(__name__)


class Telemetry:
    """A runtime's own providers, so that two runtimes in one process share nothing. `metrics` and `tracing` are what is used."""

    def __init__(
        self, *, span_processors: Sequence["SpanProcessor"] = (), metric_exporters: Sequence[MetricExporter] = ()
    ) -> None:
        self._registry = CollectorRegistry()
        scraped = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=self._registry)
        exporters = [WithHistograms(each) for each in metric_exporters]
        self._meters = MeterProvider(
            [scraped, *(PeriodicExportingMetricReader(each) for each in exporters)],
            resource=_resource() if exporters else Resource.get_empty(),
            exemplar_filter=AlwaysOffExemplarFilter(),
            shutdown_on_exit=False,
        )
        self.metrics = Metrics(self._meters.get_meter(_SERVICE))
        self._registry.register(HistogramFamilies(self.metrics.histograms))
        for exporter in exporters:
            exporter.histograms = self.metrics.histograms
        self._tracers = _tracer_provider(span_processors) if span_processors else None
        self.tracing = Tracing(self._tracers.get_tracer(_SERVICE) if self._tracers else None)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Telemetry":
        """As OpenTelemetry's variables say. A value that is not served is told to the log, and taken for `none`."""
        return cls(span_processors=_span_processors(environ), metric_exporters=_metric_exporters(environ))

    def prometheus(self) -> bytes:
        """All figures in Prometheus's text format."""
        return generate_latest(self._registry)

    async def close(self) -> None:
        """Export the last of it and end. Never raises, and never takes long: a receiver that is away gets nothing more."""
        # A thread of its own, and a daemon: one that waits for a receiver must not keep the process.
        last = Thread(target=self._shutdown, daemon=True)
        last.start()
        await asyncio.to_thread(last.join, _LAST_SECONDS)

    def _shutdown(self) -> None:
        if self._tracers is not None:
            self._tracers.shutdown()
        self._meters.shutdown()


def _resource() -> Resource:
    """What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, and our own name where they say none."""
    given = Resource.create()
    unnamed = str(given.attributes["service.name"]).startswith("unknown_service")
    return given.merge(Resource({"service.name": _SERVICE})) if unnamed else given


def _tracer_provider(processors: Sequence["SpanProcessor"]) -> "TracerProvider":
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def _span_processors(environ: Mapping[str, str]) -> list["SpanProcessor"]:
    exporter = _exporter(environ, "TRACES")
    if exporter == "none":
        return []
    # Imported late: the exporters take a quarter of a second that most processes need not pay.
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

    if exporter == "console":
        return [SimpleSpanProcessor(ConsoleSpanExporter(formatter=lambda span: span.to_json(indent=None) + "\n"))]
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return [BatchSpanProcessor(OTLPSpanExporter())]


def _metric_exporters(environ: Mapping[str, str]) -> list[MetricExporter]:
    exporter = _exporter(environ, "METRICS")
    if exporter == "none":
        return []
    if exporter == "console":
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

        return [ConsoleMetricExporter(formatter=lambda data: data.to_json(None) + "\n")]
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return [OTLPMetricExporter()]


def _exporter(environ: Mapping[str, str], signal: str) -> str:
    """Where a signal goes. Without a word about it: to the endpoint, if one is named."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "none"
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    default = "otlp" if any(environ.get(name) for name in endpoints) else "none"
    chosen = environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() or default
    protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if chosen not in _EXPORTERS:
        _log.warning("telemetry.not_exported", signal=signal.lower(), exporter=chosen, known=sorted(_EXPORTERS))
        return "none"
    if chosen == "otlp" and protocol not in {None, "", "http/protobuf"}:
        _log.warning("telemetry.other_protocol", signal=signal.lower(), asked=protocol, used="http/protobuf")
    return chosen
