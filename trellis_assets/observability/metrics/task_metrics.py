"""Metrics of tasks: what came, what became of it, how long it took.

To add one: read it in `adapters/storage/monitoring.py`, and add a family here. Labels are bounded: hotkeys of
our miners, validators that were polled, endpoints, states; never a task, a prompt or what a peer wrote.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from trellis_assets.domain.event_counts import STAGE_EVENTS, SUM, Event, EventKey, cumulative
from trellis_assets.domain.monitoring import MonitoringFacts
from trellis_assets.domain.tasks import FINAL_STATES, UNFINISHED_STATES
from trellis_assets.observability.metrics.families import PREFIX, counter, gauge

_OUTCOMES, _ACTIVE = sorted(map(str, FINAL_STATES)), sorted(map(str, UNFINISHED_STATES))
PAIR = ("miner", "validator")
Pair = tuple[str, str]


def task_metrics(facts: MonitoringFacts, names: Mapping[str, str]) -> Iterator[Metric]:
    """Yield the families of tasks.

    Args:
        facts: of the store.
        names: labels by hotkey.
    """
    pairs = sorted(_pairs(facts))
    yield counter(
        "tasks_pulled",
        "Tasks that came from a validator, or were made from a prompt (empty validator).",
        PAIR,
        (((names[m], names[v]), _counted(facts, (m, v), Event.PULLED)) for m, v in pairs),
    )
    yield counter(
        "tasks_settled",
        "Times that a task reached this final state.",
        (*PAIR, "outcome"),
        (
            ((names[m], names[v], outcome), _counted(facts, (m, v), Event.SETTLED, outcome))
            for m, v in pairs
            for outcome in _OUTCOMES
        ),
    )
    miners = {miner for miner, _ in pairs} | {miner for miner, _ in facts.active}
    yield gauge(
        "tasks_active",
        "Tasks that have not ended, by state.",
        ("miner", "state"),
        (((names[m], state), facts.active.get((m, state), 0)) for m in sorted(miners) for state in _ACTIVE),
    )
    reopened = _reopened(facts)
    yield counter(
        "tasks_reopened",
        "Times that a task left this final state: its validator served it again, say.",
        ("miner", "outcome"),
        (((names[m], outcome), reopened[m, outcome]) for m in sorted(miners) for outcome in _OUTCOMES),
    )
    yield from _values(facts, names)


def hotkeys(facts: MonitoringFacts) -> set[str]:
    """Return every hotkey that is a label."""
    ours = {miner for miner, _ in facts.active} | {neuron.miner_hotkey for neuron in facts.neurons}
    return ours | {key for pair in _pairs(facts) for key in pair}


def _pairs(facts: MonitoringFacts) -> set[Pair]:
    """Return every miner with every validator that it knows: series begin at 0, not with the first event."""
    pulled = {(k.miner_hotkey, k.validator_hotkey) for k in facts.events if k.event == Event.PULLED}
    return pulled | {(v.miner_hotkey, v.hotkey) for v in facts.validators}


def _counted(facts: MonitoringFacts, pair: Pair, event: Event, detail: str = "") -> float:
    return facts.events.get(EventKey(*pair, event, detail), 0.0)


def _reopened(facts: MonitoringFacts) -> Counter[Pair]:
    """Return how often a task left a final state, by miner and state."""
    found: Counter[Pair] = Counter()
    for key, total in facts.events.items():
        if key.event == Event.REOPENED:
            found[key.miner_hotkey, key.detail] += int(total)
    return found


def _values(facts: MonitoringFacts, names: Mapping[str, str]) -> Iterator[Metric]:
    stages = HistogramMetricFamily(
        f"{PREFIX}stage_duration_seconds", "How long a stage of a task took.", labels=("miner", "stage")
    )
    fidelity = HistogramMetricFamily(
        f"{PREFIX}fidelity_ratio", "Scores that validators gave to accepted results.", labels=("miner",)
    )
    found: dict[tuple[str, str], dict[str, float]] = {}
    for key, total in facts.events.items():
        found.setdefault((key.miner_hotkey, key.event), {})[key.detail] = total
    for miner in sorted({miner for miner, _ in _pairs(facts)}):
        for stage, event in STAGE_EVENTS.items():
            counts = found.get((miner, event), {})
            stages.add_metric((names[miner], stage), cumulative(event, counts), counts.get(SUM, 0.0))
        scores = found.get((miner, Event.FIDELITY), {})
        fidelity.add_metric((names[miner],), cumulative(Event.FIDELITY, scores), scores.get(SUM, 0.0))
    yield stages
    yield fidelity
