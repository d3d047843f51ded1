"""All metrics as text, in the format that the scraper asks for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from trellis_assets.domain.monitoring import MonitoringFacts
from trellis_assets.observability.metrics.endpoint_metrics import endpoint_metrics, metagraph_metrics
from trellis_assets.observability.metrics.families import gauge
from trellis_assets.observability.metrics.labels import short_hotkeys
from trellis_assets.observability.metrics.machine_metrics import MachineFacts, machine_metrics
from trellis_assets.observability.metrics.neuron_metrics import neuron_metrics
from trellis_assets.observability.metrics.task_metrics import hotkeys, task_metrics
from trellis_assets.observability.metrics.validator_metrics import validator_metrics


@dataclass(frozen=True, slots=True)
class Exposition:
    """The metrics of one data folder.

    Attributes:
        store: reads the store; None while it does not answer.
        machine: reads heartbeats and disk.
    """

    store: Callable[[], MonitoringFacts | None]
    machine: Callable[[], MachineFacts]

    def families(self) -> Iterator[Metric]:
        """Read everything, and yield it as metric families."""
        yield from machine_metrics(self.machine())
        facts = self.store()
        yield gauge("store_up", "Whether the store answers.", (), [((), int(facts is not None))])
        if facts is not None:
            yield from store_metrics(facts)

    def encode(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics as text, and the media type of the text.

        Args:
            accept: the scraper's header: OpenMetrics where it asks for it, else Prometheus' text format.
        """
        encoder, content_type = choose_encoder(accept)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(self.families))
        return encoder(registry), content_type


def store_metrics(facts: MonitoringFacts) -> Iterator[Metric]:
    """Yield every family that is read from the store."""
    names = short_hotkeys(hotkeys(facts))
    yield from task_metrics(facts, names)
    yield from validator_metrics(facts, names)
    yield from endpoint_metrics(facts)
    yield from metagraph_metrics(facts)
    yield from neuron_metrics(facts, names)


class _Families(Collector):
    """What the client library's encoders read."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        return self._families()

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names are not registered beforehand, which would read everything twice."""
        return ()
