"""Metric families in short: a name, a sentence, labels, and samples."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

PREFIX = "trellis_"
Sample = tuple[Sequence[str], float | int | datetime | None]


def gauge(name: str, help_text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    """Return a gauge; a sample without a value is left out, a time is in unix seconds."""
    family = GaugeMetricFamily(PREFIX + name, help_text, labels=labels)
    for label_values, value in _numbers(samples):
        family.add_metric(label_values, value)
    return family


def counter(name: str, help_text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    """Return a counter, whose samples are named `…_total`."""
    family = CounterMetricFamily(PREFIX + name, help_text, labels=labels)
    for label_values, value in _numbers(samples):
        family.add_metric(label_values, value)
    return family


def _numbers(samples: Iterable[Sample]) -> Iterator[tuple[Sequence[str], float]]:
    for label_values, value in samples:
        if value is not None:
            yield label_values, value.timestamp() if isinstance(value, datetime) else float(value)
