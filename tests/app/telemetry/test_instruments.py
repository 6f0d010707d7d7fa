"""Our instruments export what the SDK's own would."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader

from app.telemetry.instruments import Counter, Histogram, Level, label_set

BOUNDS = (1, 2, 5)
MEASURED = [({"a": "x"}, value) for value in (0.5, 1, 1.5, 2, 5, 5.01, 100)] + [({"a": "y", "b": "z"}, 2.0), ({}, 1.0)]


def test_a_histogram_has_the_points_of_the_sdks_own() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    theirs = provider.get_meter("test").create_histogram("h", "s", "", explicit_bucket_boundaries_advisory=BOUNDS)
    ours = Histogram("h", "s", "", BOUNDS)
    for labels, value in MEASURED:
        theirs.record(value, labels)
        ours.record(value, labels)
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    provider.shutdown()

    def plain(points: object) -> list[tuple[object, ...]]:
        assert isinstance(points, list | tuple)
        found = [point for point in points if isinstance(point, HistogramDataPoint)]
        assert len(found) == 3
        return sorted(
            (
                sorted((point.attributes or {}).items()),
                point.count,
                point.sum,
                tuple(point.bucket_counts),
                tuple(point.explicit_bounds),
            )
            for point in found
        )

    assert plain(ours.points().data.data_points) == plain(metric.data.data_points)


def test_a_histogram_that_was_never_used_is_not_shown() -> None:
    assert Histogram("h", "s", "", BOUNDS).family() is None


@pytest.mark.parametrize("kind", [Counter, Level])
def test_a_sum_is_kept_by_labels_in_any_order_and_form(kind: type[Counter | Level]) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    counted = kind(provider.get_meter("test"), "c", "", from_zero=True)
    counted.add(2, {"a": "x", "b": "y"})
    counted.add(3, {"b": "y", "a": "x"})
    counted.add(4, frozenset({("b", "y"), ("a", "x")}))
    counted.add(5, label_set(b="y", a="x"))
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    provider.shutdown()
    sums = {tuple(sorted((point.attributes or {}).items())): point.value for point in metric.data.data_points}  # type: ignore[union-attr]  # these are sums
    assert sums == {(): 0, (("a", "x"), ("b", "y")): 14}
    assert counted.value == 14
