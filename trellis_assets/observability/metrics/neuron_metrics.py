"""Metrics of our own neuron, as the chain was last read."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import Metric

from trellis_assets.domain.earnings.deregistration import deregistration_risk
from trellis_assets.domain.earnings.economy import NeuronRecord
from trellis_assets.domain.monitoring import MonitoringFacts
from trellis_assets.observability.metrics.families import gauge
from trellis_assets.observability.metrics.labels import addresses

# By name: a sentence, and what is read.
_GAUGES: Mapping[str, tuple[str, Callable[[NeuronRecord], object]]] = {
    "incentive_ratio": ("Share of what all miners of the subnet get.", lambda n: n.incentive),
    "emission_alpha": ("Alpha that its last epoch paid it.", lambda n: n.emission_alpha),
    "price_tao": ("TAO for one alpha of the subnet.", lambda n: n.price_tao),
    "rank": ("Its place among miners by incentive, 1 is the first.", lambda n: n.rank),
    "pruning_position": (
        "Its place in the order of removal, 1 is the neuron that the next registration removes.",
        lambda n: n.pruning_position,
    ),
    "immune_blocks": ("Blocks until it may be removed.", lambda n: n.immune_blocks),
    "deregistration_near": (
        "Whether it may soon be removed from a full subnet.",
        lambda n: int(deregistration_risk(n) is not None),
    ),
    "read_timestamp_seconds": ("When the chain was read.", lambda n: n.read_at.timestamp()),
}


def neuron_metrics(facts: MonitoringFacts, names: Mapping[str, str]) -> Iterator[Metric]:
    """Yield the families of our own neurons.

    Args:
        facts: of the store.
        names: labels by hotkey.
    """
    sources = addresses(neuron.source for neuron in facts.neurons)
    for name, (sentence, read) in _GAUGES.items():
        yield gauge(
            f"neuron_{name}",
            sentence,
            ("miner", "source"),
            (((names[n.miner_hotkey], sources[n.source]), _number(read(n))) for n in facts.neurons),
        )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
