"""What a duplicate is, and what to do with one."""

from collections.abc import Sequence
from dataclasses import dataclass

from trellis_assets.domain.tasks import Task, TaskState

# Earlier attempts in these states did not give the validator a result: the prompt is still open.
_CAME_TO_NOTHING = frozenset(
    {TaskState.FAILED, TaskState.REJECTED, TaskState.HANDED_BACK, TaskState.DECLINED}
)


@dataclass(frozen=True, slots=True)
class Fresh:
    """No duplicate: generate."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same validator had the same prompt in the window; `earlier` is the newest such task."""

    earlier: Task


@dataclass(frozen=True, slots=True)
class Reusable:
    """A duplicate whose `earlier` result can be submitted again without GPU time."""

    earlier: Task


def judge_prompt(earlier: Sequence[Task], *, reuse: bool) -> Fresh | Duplicate | Reusable:
    """Return whether a prompt is a duplicate among earlier tasks of the same miner and validator.

    Args:
        earlier: tasks with the same prompt hash, within the window, in any state.
        reuse: prefer submitting the best earlier result over handing the task back.
    """
    counting = [t for t in earlier if t.state not in _CAME_TO_NOTHING]
    if not counting:
        return Fresh()
    if reuse:
        made = [t for t in counting if t.generation is not None]
        return Reusable(max(made, key=result_quality)) if made else Fresh()
    return Duplicate(max(counting, key=lambda t: t.pulled_at))


def result_quality(task: Task) -> tuple[float, float, float]:
    """Sort key of results: the validator's score, else the local one, else the newer."""
    fidelity = (task.feedback.task_fidelity_score or 0.0) if task.feedback else 0.0
    local = task.verdict.score if task.verdict else 0.0
    return (fidelity, local, task.pulled_at.timestamp())
