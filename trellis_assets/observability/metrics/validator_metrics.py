"""Metrics of validators, by the hotkeys of miner and validator."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.metrics_core import Metric

from trellis_assets.domain.monitoring import MonitoredValidator, MonitoringFacts
from trellis_assets.observability.metrics.families import Sample, counter, gauge
from trellis_assets.observability.metrics.task_metrics import PAIR

# By name: the field that it shows, and a sentence.
_GAUGES = {
    "consecutive_poll_failures": ("poll_failures", "Polls that failed in a row."),
    "standing": ("standing", "Reward that its last feedback named, a level."),
    "average_fidelity_ratio": ("average", "The validator's own average of our scores."),
    "window_results": (
        "window",
        "Results that it accepted in the last four hours, as its last feedback said.",
    ),
    "duel_rating": ("duel_rating", "Our Glicko-2 rating by its last feedback."),
    "cooldown_violations": (
        "cooldown_violations",
        "Polls that it thinks came too early; it may forget them.",
    ),
    "last_response_timestamp_seconds": ("answered_at", "When its last poll ended."),
    "last_task_timestamp_seconds": ("last_task_at", "When its last task came."),
}


def validator_metrics(facts: MonitoringFacts, names: Mapping[str, str]) -> Iterator[Metric]:
    """Yield the families of validators.

    Args:
        facts: of the store.
        names: labels by hotkey.
    """
    by_hotkey = {v.hotkey: v for v in facts.validators}
    yield gauge(
        "validator_info",
        "1 for a validator of the last metagraph, with the uid that it has there.",
        ("validator", "uid"),
        (
            ((names[v.hotkey], "" if v.uid is None else str(v.uid)), int(v.is_listed))
            for v in by_hotkey.values()
        ),
    )
    yield gauge(
        "validator_stake_weight",
        "The chain's stake weight: alpha and a share of TAO.",
        ("validator",),
        (((names[v.hotkey],), v.stake) for v in by_hotkey.values()),
    )
    yield counter("polls", "Requests for a task.", PAIR, _samples(facts, names, "polls"))
    for name, (field, sentence) in _GAUGES.items():
        yield gauge(f"validator_{name}", sentence, PAIR, _samples(facts, names, field))
    yield gauge(
        "validator_cooldown_seconds",
        "How long it gives no task.",
        PAIR,
        (((names[v.miner_hotkey], names[v.hotkey]), _cooldown_s(v, facts)) for v in facts.validators),
    )


def _samples(facts: MonitoringFacts, names: Mapping[str, str], field: str) -> Iterable[Sample]:
    return (((names[v.miner_hotkey], names[v.hotkey]), getattr(v, field)) for v in facts.validators)


def _cooldown_s(validator: MonitoredValidator, facts: MonitoringFacts) -> float:
    if validator.cooldown_until is None:
        return 0.0
    return max(0.0, (validator.cooldown_until - facts.read_at).total_seconds())
