"""Metrics of what the miner depends on: generation endpoints, and the list of validators."""

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import Metric

from trellis_assets.domain.endpoints.breaker import BreakerState
from trellis_assets.domain.monitoring import MonitoringFacts
from trellis_assets.observability.metrics.families import Sample, counter, gauge
from trellis_assets.observability.metrics.labels import addresses


def endpoint_metrics(facts: MonitoringFacts) -> Iterator[Metric]:
    """Yield the families of generation endpoints."""
    names, now = addresses(e.name for e in facts.endpoints), facts.read_at
    for name, field, sentence in (
        ("endpoint_generations", "generations", "Models that the endpoint made."),
        ("endpoint_failures", "failures", "Generations of the endpoint that failed."),
        ("endpoint_generation_seconds", "generation_s", "Seconds that its models took."),
    ):
        samples: Iterable[Sample] = (((names[e.name],), getattr(e, field)) for e in facts.endpoints)
        yield counter(name, sentence, ("endpoint",), samples)
    yield gauge(
        "endpoint_busy",
        "Whether a task holds the endpoint.",
        ("endpoint",),
        (((names[e.name],), int(e.held_by is not None)) for e in facts.endpoints),
    )
    yield gauge(
        "endpoint_pace_seconds",
        "Median of its last generations.",
        ("endpoint",),
        (((names[e.name],), e.pace_s) for e in facts.endpoints),
    )
    yield gauge(
        "endpoint_breaker_state",
        "1 for the state of its circuit breaker: closed takes work.",
        ("endpoint", "state"),
        (
            ((names[e.name], str(state)), int(e.breaker.state(now) is state))
            for e in facts.endpoints
            for state in BreakerState
        ),
    )


def metagraph_metrics(facts: MonitoringFacts) -> Iterator[Metric]:
    """Yield the families of the list of validators."""
    reads = facts.metagraph_reads
    names = addresses(read.source for read in reads)
    yield gauge(
        "metagraph_last_read_timestamp_seconds",
        "When the list of validators was last read.",
        ("source",),
        (((names[read.source],), read.read_at) for read in reads),
    )
    yield gauge(
        "metagraph_consecutive_read_failures",
        "Reads of the list of validators that failed in a row.",
        ("source",),
        (((names[read.source],), read.failures) for read in reads),
    )
