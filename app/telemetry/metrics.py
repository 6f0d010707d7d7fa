"""Every instrument of the product, once.

Labels are words of ours: locations that the operator has named, jobs, codes, routes, root fields of the schema. Never an id, a
name, or anything that a client can choose. The names are those that are exported, but for the unit that exporters add.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from app.telemetry.instruments import Counter, Histogram, Level, label_set

Gauge = Callable[[], Iterable[tuple[int | float, Mapping[str, str]]]]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14_400)
_BYTES = tuple(4.0**power for power in range(5, 19))  # 1 KiB to 64 GiB


class Metrics:
    """The instruments. Counting never raises and never waits."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.histograms: list[Histogram] = []
        self._files()
        self._requests()
        self._others()

    def _files(self) -> None:
        counter, histogram = self._counter, self._histogram
        # R47 and R48: exactly these names.
        self.file_uploads_total = counter("file_uploads_total", "Files uploaded, by backend.")
        self.file_downloads_total = counter(
            "file_downloads_total", "Downloads begun, or their URLs issued, by backend."
        )
        self.quota_exceeded_total = counter("quota_exceeded_total", "Uploads refused for a quota.", from_zero=True)
        self.cleanup_files_deleted_total = counter(
            "cleanup_files_deleted_total", "Files whose bytes a job has deleted, by job."
        )
        self.uploads_in_progress = Level(
            self._meter, "uploads_in_progress", "Files being received now.", from_zero=True
        )
        self.upload_failures_total = counter("upload_failures_total", "Uploads that ended without a file, by backend.")
        self.upload_duration = histogram(
            "upload_duration", "s", "Time from an upload's first step to its last, by backend.", _LONG_SECONDS
        )
        self.upload_size = histogram("upload_size", "By", "Size of uploaded files, by backend.", _BYTES)
        self.storage_operation_duration = histogram(
            "storage_operation_duration",
            "s",
            "Time of storage calls that succeeded, by backend and operation.",
            _SECONDS,
        )
        self.storage_errors_total = counter(
            "storage_errors_total", "Storage calls that failed, by backend, operation and error."
        )

    def _requests(self) -> None:
        counter, histogram = self._counter, self._histogram
        # The names and labels of OpenTelemetry's conventions, so that dashboards made for any service fit.
        self.http_request_duration = histogram(
            "http.server.request.duration", "s", "Time of HTTP requests, by method, route and status.", _SECONDS
        )
        self.http_request_size = histogram(
            "http.server.request.body.size", "By", "Size of request bodies, by method and route.", _BYTES
        )
        self.http_response_size = histogram(
            "http.server.response.body.size", "By", "Size of response bodies, by method and route.", _BYTES
        )
        self.graphql_operation_duration = histogram(
            "graphql_operation_duration", "s", "Time of GraphQL operations, by type and first root field.", _SECONDS
        )
        self.graphql_operations_total = counter(
            "graphql_operations_total", "GraphQL operations, by type and outcome: ok, or the first error's code."
        )

    def _others(self) -> None:
        counter = self._counter
        self.job_duration = self._histogram(
            "job_duration", "s", "Time of job runs from start to end, by job.", _LONG_SECONDS
        )
        self.job_runs_total = counter("job_runs_total", "Job runs that have ended, by job and outcome.")
        self.alerts_total = counter("alerts_total", "Alerts raised, by kind and severity.")
        self.events_total = counter("events_total", "Domain events, by name.")
        self.bus_dropped_total = counter("bus_dropped_total", "Messages that never reached the bus, by reason.")
        self.subscribers = Level(self._meter, "subscribers", "Open subscriptions, by root field.")
        self.slow_subscribers_total = counter(
            "slow_subscribers_total", "Subscriptions ended because their client was too slow, by root field."
        )

    def _counter(self, name: str, description: str, *, from_zero: bool = False) -> Counter:
        return Counter(self._meter, name, description, from_zero=from_zero)

    def _histogram(self, name: str, unit: str, description: str, bounds: Sequence[float]) -> Histogram:
        histogram = Histogram(name, unit, description, bounds)
        self.histograms.append(histogram)
        return histogram

    # What rules look for is shown as zero before there is anything to count: in a series that begins with its first count
    # Prometheus sees no increase, and without a series no rate.

    def expect_files(self, backends: Iterable[str]) -> None:
        """Files come and go here, in these locations: only web processes show such series."""
        for backend in backends:
            for counter in (self.file_uploads_total, self.file_downloads_total, self.upload_failures_total):
                counter.add(0, {"backend": backend})

    def expect_jobs(self, jobs: Iterable[str], alerts: Iterable[tuple[str, str]]) -> None:
        """These jobs may be worked on here, and these alerts raised: pairs of a kind and a severity."""
        for job in jobs:
            self.cleanup_files_deleted_total.add(0, {"job_name": job})
            for outcome in ("succeeded", "failed"):
                self.job_runs_total.add(0, {"job_name": job, "outcome": outcome})
        for kind, severity in alerts:
            self.alerts_total.add(0, {"kind": kind, "severity": severity})

    def receiving(self, backend: str) -> "Receiving":
        """A file is in progress for as long as the block takes. How long that was is recorded when it was stored."""
        return Receiving(self, backend)

    # ---------------------------------------------------------------- what is looked at when somebody asks

    def watch(self, name: str, description: str, gauge: Gauge) -> None:
        """Add a gauge whose values come from `gauge`, called in whatever thread exports: it must be quick and not raise."""

        def look(_: CallbackOptions) -> Sequence[Observation]:
            return [Observation(value, labels) for value, labels in gauge()]

        # Without a unit: an exporter would add it to the name.
        self._meter.create_observable_gauge(name, [look], description=description)


class Receiving:
    """See `Metrics.receiving`."""

    def __init__(self, metrics: Metrics, backend: str) -> None:
        self._metrics = metrics
        self._backend = backend

    def __enter__(self) -> None:
        self._began = time.perf_counter()
        self._metrics.uploads_in_progress.add(1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            seconds = time.perf_counter() - self._began
            self._metrics.upload_duration.record(seconds, label_set(backend=self._backend))
        self._metrics.uploads_in_progress.add(-1)
