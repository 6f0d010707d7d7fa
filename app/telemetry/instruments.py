"""Instruments that cost a microsecond. The SDK's own cost ten, and a request has half a dozen of them.

Each keeps its figures in a dictionary by its labels. Whoever exports reads them: sums through the SDK's observable instruments,
histograms, of which the SDK has none that can be observed, as Prometheus's families and as the SDK's points.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics.export import AggregationTemporality, HistogramDataPoint, Metric
from opentelemetry.sdk.metrics.export import Histogram as HistogramPoints
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

_Key = frozenset[tuple[str, str]]
Labels = Mapping[str, str] | _Key  # as a set of pairs where the same ones come again and again

_UNITS = {"s": "seconds", "By": "bytes"}


@lru_cache(maxsize=1024)  # labels are words of ours, so there are few
def label_set(**labels: str) -> _Key:
    """These labels, for what is counted all the time: the same ones are one set, which is made once."""
    return frozenset(labels.items())


def _key(labels: Labels | None) -> _Key:
    if isinstance(labels, frozenset):
        return labels
    return frozenset(labels.items()) if labels else frozenset()


class _Sum:
    def __init__(self, *, from_zero: bool) -> None:
        self._sums: dict[_Key, int] = {frozenset(): 0} if from_zero else {}
        self.value = 0

    def add(self, amount: int, labels: Labels | None = None) -> None:
        """Count; what only counts up takes no negative amount."""
        key = _key(labels)
        self.value += amount
        self._sums[key] = self._sums.get(key, 0) + amount

    def observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """The sums now."""
        return [Observation(value, dict(key)) for key, value in list(self._sums.items())]


class Counter(_Sum):
    """Counts up. `value` is the sum over all labels; with `from_zero` it is shown before there is anything to count."""

    def __init__(self, meter: Meter, name: str, description: str, *, from_zero: bool = False) -> None:
        super().__init__(from_zero=from_zero)
        meter.create_observable_counter(name, [self.observe], description=description)


class Level(_Sum):
    """Goes up and down. `value` is the sum over all labels."""

    def __init__(self, meter: Meter, name: str, description: str, *, from_zero: bool = False) -> None:
        super().__init__(from_zero=from_zero)
        meter.create_observable_up_down_counter(name, [self.observe], description=description)


class _Series:
    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.total = 0.0


class Histogram:
    """How often which size or time. `bounds` are the upper ones of the buckets, each of which holds its bound."""

    def __init__(self, name: str, unit: str, description: str, bounds: Sequence[float]) -> None:
        self._name, self._unit, self._description = name, unit, description
        self._bounds = tuple(bounds)
        self._series: dict[_Key, _Series] = {}
        self._began = time.time_ns()

    def record(self, value: float, labels: Labels | None = None) -> None:
        """One more."""
        key = _key(labels)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series(len(self._bounds) + 1)
        series.counts[bisect_left(self._bounds, value)] += 1
        series.total += value

    def family(self) -> Family | None:
        """As Prometheus has it; None before the first one."""
        found = list(self._series.items())
        if not found:
            return None
        names = sorted({name for key, _ in found for name, _ in key})
        shown = [name.replace(".", "_") for name in names]
        family = HistogramMetricFamily(
            f"{self._name.replace('.', '_')}_{_UNITS[self._unit]}", self._description, labels=shown
        )
        for key, series in found:
            labels = dict(key)
            family.add_metric([labels.get(name, "") for name in names], list(self._buckets(series)), series.total)
        return family

    def points(self) -> Metric:
        """As OpenTelemetry has it, counted since the beginning."""
        now = time.time_ns()
        points = [
            HistogramDataPoint(
                attributes=dict(key),
                start_time_unix_nano=self._began,
                time_unix_nano=now,
                count=sum(series.counts),
                sum=series.total,
                bucket_counts=list(series.counts),
                explicit_bounds=self._bounds,
                min=None,  # type: ignore[arg-type]  # OTLP has it optional, and the exporter leaves it out
                max=None,  # type: ignore[arg-type]  # the same
            )
            for key, series in list(self._series.items())
        ]
        data = HistogramPoints(points, AggregationTemporality.CUMULATIVE)
        return Metric(self._name, self._description, self._unit, data)

    def _buckets(self, series: _Series) -> Iterator[tuple[str, float]]:
        below = 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), list(series.counts), strict=True):
            below += count
            yield bound, below
