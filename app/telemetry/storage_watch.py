"""Storage calls, as metrics and spans show them: which backend, which operation, how long, how many bytes, what went wrong."""

import time
from types import TracebackType
from typing import Self

from app.storage.errors import StorageError
from app.telemetry.instruments import label_set
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import span


class StorageWatch:
    """Looks at the calls of one storage. Without metrics it makes spans alone, where there is a trace."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._metrics = metrics

    def call(self, backend: str, operation: str) -> "Call":
        """Watch one call, for as long as the block takes. An error that leaves the block has failed the call."""
        return Call(self, self._metrics, backend, operation)

    def failed(self, backend: str, operation: str, error: BaseException) -> None:
        """Count a failure. What is no storage error is the sender's, on its way through a write."""
        if self._metrics is not None and isinstance(error, StorageError):
            labels = {"backend": backend, "operation": operation, "error": error.code.lower()}
            self._metrics.storage_errors_total.add(1, labels)


class Call:
    """One call. `size_bytes` may be set in the block, once it is known."""

    def __init__(self, watch: StorageWatch, metrics: Metrics | None, backend: str, operation: str) -> None:
        self._watch = watch
        self._metrics = metrics
        self._backend = backend
        self._operation = operation
        self._scope = span(
            f"storage {operation}", attributes={"storage.backend": backend, "storage.operation": operation}
        )
        self.size_bytes: int | None = None

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        self._span = self._scope.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.size_bytes is not None:
            self._span.set_attribute("storage.bytes", self.size_bytes)
        self._scope.__exit__(kind, error, traceback)
        if error is not None:
            self._watch.failed(self._backend, self._operation, error)
        elif self._metrics is not None:
            seconds = time.perf_counter() - self._began
            labels = label_set(backend=self._backend, operation=self._operation)
            self._metrics.storage_operation_duration.record(seconds, labels)
