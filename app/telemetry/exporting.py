"""Our histograms on their way out, beside what the SDK collects."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from app.telemetry.instruments import Histogram


class HistogramFamilies(Collector):
    """For Prometheus."""

    def __init__(self, histograms: Sequence[Histogram]) -> None:
        self._histograms = histograms

    def collect(self) -> Iterable[Family]:
        """Those that have been used."""
        return [family for each in self._histograms if (family := each.family()) is not None]


class WithHistograms(MetricExporter):
    """Another exporter, for OTLP or the console, with our histograms among the first scope's metrics.

    Everything counts since the beginning, as Prometheus has it: differences are the receiver's to make.
    """

    def __init__(self, exporter: MetricExporter) -> None:
        super().__init__()
        self._exporter = exporter
        self.histograms: Sequence[Histogram] = ()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **options: Any) -> MetricExportResult:
        """Export both."""
        ours = [each.points() for each in self.histograms]
        resource, *resources = metrics_data.resource_metrics
        scope, *scopes = resource.scope_metrics
        scope = replace(scope, metrics=[*scope.metrics, *(metric for metric in ours if metric.data.data_points)])
        data = MetricsData([replace(resource, scope_metrics=[scope, *scopes]), *resources])
        return self._exporter.export(data, timeout_millis, **options)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """The other's."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **options: Any) -> None:
        """The other's."""
        self._exporter.shutdown(timeout_millis, **options)
