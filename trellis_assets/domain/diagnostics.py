"""Health checks: the result of one, and how a disk, a generator and workers are judged."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from trellis_assets.domain.endpoints.descriptions import describe_endpoint, why_none_takes_work
from trellis_assets.domain.endpoints.endpoints import Endpoint, Probe, after_probe
from trellis_assets.domain.endpoints.orientation import Orientation
from trellis_assets.domain.scheduling.worker_queues import describe_unserved
from trellis_assets.system.compat import StrEnum


class Health(StrEnum):
    """How well a part works."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a health check found of one part.

    Attributes:
        text: what is so.
        advice: what to do about it; empty if there is nothing to do.
    """

    part: str
    health: Health
    text: str
    advice: str = ""


_ORDER = (Health.OK, Health.WARNING, Health.FAILED)


def worst(results: Iterable[CheckResult]) -> Health:
    """Return the worst health of all results."""
    return max((s.health for s in results), key=_ORDER.index, default=Health.OK)


def as_json(results: Iterable[CheckResult]) -> dict[str, Any]:
    """Return the results as JSON for other programs."""
    listed = list(results)
    return {"health": worst(listed), "parts": [asdict(result) for result in listed]}


# With less free space files cannot be written soon, or already.
SCARCE_BYTES, NO_BYTES = 5 * 10**9, 5 * 10**8


def judge_disk(free: int, folder: str) -> CheckResult:
    """Judge whether models can still be written.

    Args:
        free: bytes of the folder's disk.
        folder: for people.
    """
    text = f"{free / 1e9:.1f} GB free for {folder}"
    advice = "make room, or lower TRELLIS_MODELS_MAX_GB and TRELLIS_KEEP_RUNS"
    if free < NO_BYTES:
        return CheckResult("disk", Health.FAILED, text, advice)
    if free < SCARCE_BYTES:
        return CheckResult("disk", Health.WARNING, text, advice)
    return CheckResult("disk", Health.OK, text)


def judge_generator(
    name: str, probes: Sequence[Probe], endpoints: Sequence[Endpoint], now: datetime
) -> list[CheckResult]:
    """Judge the generator, and each of its endpoints that is not healthy.

    Args:
        name: of the backend.
        probes: what health probes of the endpoints found just now.
        endpoints: their records.
        now: aware UTC.
    """
    known = {endpoint.name: endpoint for endpoint in endpoints}
    seen, unwell = [], []
    for probe in probes:
        endpoint = after_probe(known.get(probe.endpoint, Endpoint(probe.endpoint)), probe, now)
        seen.append(endpoint)
        if probe.trouble is not None:
            advice = "start it, or take it out of TRELLIS_GENERATOR_URLS"
            unwell.append(CheckResult("endpoint", Health.WARNING, describe_endpoint(endpoint, now), advice))
        elif endpoint.breaker.failures_in_a_row:
            advice = "look at its log; it is tried again by itself"
            unwell.append(CheckResult("endpoint", Health.WARNING, describe_endpoint(endpoint, now), advice))
    problem = why_none_takes_work(seen, now)
    if problem is not None:
        return [
            CheckResult("generator", Health.FAILED, problem, "start it, or mine with --start-server"),
            *unwell,
        ]
    text = f"{name} takes work at {len(probes) - len(unwell)} of {len(probes)} endpoints without trouble"
    return [CheckResult("generator", Health.OK, text if len(probes) > 1 else f"{name} takes work"), *unwell]


def describe_orientation(
    endpoint: Endpoint, chosen: Orientation | None, *, is_judged: bool
) -> CheckResult | None:
    """Say which way up an endpoint's models are taken to stand; None before its first model.

    Args:
        endpoint: a generation server.
        chosen: by the settings; None where it is found out.
        is_judged: whether a local validator judges models.
    """
    if endpoint.generations == 0:
        return None
    name, trials = endpoint.name, endpoint.orientation_trials
    if chosen is not None:
        return CheckResult("orientation", Health.OK, f"{name}: {chosen}, as set")
    if trials.decided is not None:
        return CheckResult("orientation", Health.OK, f"{name}: {trials.describe()}")
    advice = (
        "look at a model in the gallery or with `trellis-assets inspect --preview`, and set "
        "TRELLIS_GENERATOR_ORIENTATION if it stands on its head"
    )
    if trials.count or not is_judged:
        return CheckResult("orientation", Health.OK, f"{name}: {trials.describe()}", advice)
    text = f"{name}: not judged (its server says it, or the validator does not look at the prompt)"
    return CheckResult("orientation", Health.OK, text, advice)


def judge_workers(
    queues: Mapping[str, Collection[str]], hands: Mapping[str, int], wanted: Sequence[str], endpoints: int
) -> CheckResult:
    """Judge whether live workers execute the runs of all queues, and as many as there are endpoints.

    Args:
        queues: of each live worker, by its name.
        hands: concurrency of each, by its name.
        wanted: queues that runs go to.
        endpoints: of the generator.
    """
    ours = [worker for worker, served in queues.items() if not set(wanted).isdisjoint(served)]
    if not ours:
        return CheckResult(
            "workers", Health.FAILED, describe_unserved(wanted), "start one: trellis-assets worker"
        )
    most = sum(hands.get(worker, 0) for worker in ours)
    text = f"{most} runs at a time in {len(ours)} worker{'s' * (len(ours) != 1)}"
    alone = [queue for queue in wanted if not any(queue in queues[worker] for worker in ours)]
    if alone:
        advice = "start one: trellis-assets worker --queues; the other queues have its tasks meanwhile"
        return CheckResult("workers", Health.WARNING, f"{text}, and none serves {', '.join(alone)}", advice)
    if most < endpoints:
        advice = "an endpoint waits: start more workers, or with a higher --concurrency (docs/scaling.md)"
        return CheckResult("workers", Health.WARNING, f"{text} for {endpoints} endpoints", advice)
    return CheckResult("workers", Health.OK, text)
