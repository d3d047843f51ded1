"""The trace of a task that has settled: its stages as spans, from the times in the store."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from trellis_assets.domain.candidates import StoredCandidate
from trellis_assets.domain.tasks import Task, TaskState

Value = str | int | float | bool
_FAILED = frozenset({TaskState.REJECTED, TaskState.FAILED, TaskState.ANSWER_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Span:
    """A stage of a task.

    Attributes:
        error: what went wrong; None where nothing did.
    """

    name: str
    start: datetime
    end: datetime
    attributes: Mapping[str, Value] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TaskTrace:
    """One attempt at a task, from its pull to its final state.

    Attributes:
        trace_id: the same whenever the attempt is exported, so that a collector stores it once; 128 bits.
        root: the whole of it.
        stages: within the root, in their order.
    """

    trace_id: int
    root: Span
    stages: Sequence[Span]


def trace_of(task: Task, candidates: Iterable[StoredCandidate] = ()) -> TaskTrace | None:
    """Return the trace of a task; None where it has not ended.

    It names no prompt and no text of a peer; of a reason only the first word, which is ours.

    Args:
        task: with everything that is known of it.
        candidates: models that were made for it, in their order; without any, its generation is the only one.
    """
    if task.finished_at is None:
        return None
    stages = sorted(_stages(task, list(candidates), task.finished_at), key=lambda span: span.start)
    identity = f"{task.miner_hotkey}:{task.validator_hotkey}:{task.task_id}:{task.attempt}"
    digest = sha256(identity.encode("utf-8", "surrogatepass")).digest()
    error = _reason(task) or str(task.state) if task.state in _FAILED else None
    root = Span("task", task.pulled_at, max(task.finished_at, task.pulled_at), _of_task(task), error)
    return TaskTrace(int.from_bytes(digest[:16], "big") or 1, root, stages)


def _stages(task: Task, candidates: list[StoredCandidate], finished_at: datetime) -> Iterator[Span]:
    begins = [c.started_at for c in candidates]
    if task.generation is not None:
        begins.append(task.generation.started_at)
    # A result that is reused was made before the task came.
    generated_at = min((at for at in begins if at >= task.pulled_at), default=None)
    queued_at = task.pulled_at
    if task.requested_at is not None and task.pulled_at <= task.requested_at <= (generated_at or finished_at):
        yield Span("pull", task.pulled_at, task.requested_at)
        queued_at = task.requested_at
    if generated_at is not None:
        yield Span("queue", queued_at, generated_at)
    yield from _generations(task, candidates)
    if task.verdict is not None and task.verdict.started_at >= task.pulled_at:
        verdict = task.verdict
        valid = None if verdict.is_valid else f"{len(verdict.failed_checks)} checks failed"
        yield Span("validation", *_of(verdict.started_at, verdict.duration_s), _of_verdict(task), valid)
    if task.submission is not None:
        sent = task.submission
        attributes: dict[str, Value] = {"kind": str(sent.kind), "attempt": sent.attempt}
        if sent.outcome is not None:
            attributes["outcome"] = sent.outcome
        if task.feedback is not None and task.feedback.task_fidelity_score is not None:
            attributes["fidelity"] = task.feedback.task_fidelity_score
        yield Span("submission", *_of(sent.started_at, sent.duration_s or 0.0), attributes)


def _generations(task: Task, candidates: list[StoredCandidate]) -> Iterator[Span]:
    for candidate in candidates:
        attributes: dict[str, Value] = {
            "candidate": candidate.number,
            "recipe": candidate.recipe,
            "chosen": candidate.is_chosen,
            "splats": candidate.splat_count,
        }
        if candidate.endpoint is not None:
            attributes["endpoint"] = candidate.endpoint
        if candidate.verdict is not None:
            attributes["local_score"] = candidate.verdict.score
        yield Span("generation", candidate.started_at, candidate.finished_at, attributes, candidate.problem)
    made = task.generation
    if not candidates and made is not None and made.started_at >= task.pulled_at:
        attributes = {"candidate": 0, "chosen": True, "splats": made.splat_count}
        if made.endpoint is not None:
            attributes["endpoint"] = made.endpoint
        yield Span("generation", made.started_at, made.finished_at, attributes)


def _of(start: datetime, seconds: float) -> tuple[datetime, datetime]:
    return start, start + timedelta(seconds=max(0.0, seconds))


def _of_task(task: Task) -> dict[str, Value]:
    attributes: dict[str, Value] = {
        "task": task.key,
        "attempt": task.attempt,
        "kind": str(task.kind),
        "outcome": str(task.state),
        "miner": task.miner_hotkey[:8],
        "validator": (task.validator_hotkey or "")[:8],
    }
    if task.validator_uid is not None:
        attributes["validator_uid"] = task.validator_uid
    if (reason := _reason(task)) is not None:
        attributes["reason"] = reason
    return attributes


def _of_verdict(task: Task) -> dict[str, Value]:
    assert task.verdict is not None
    return {"local_score": task.verdict.score, "validator": task.verdict.validator}


def _reason(task: Task) -> str | None:
    """Return the reason's own words, before what it quotes."""
    return None if task.reason is None else task.reason.partition(":")[0][:60]
