"""Make the tags of a mining run, by which people filter runs in the UI."""

from trellis_assets.domain.tasks import Task, TaskState, printable

TASK_TAG = "trellis/task"
_LONGEST = 100


def tags_at_start(task: Task) -> dict[str, str]:
    """Return the tags that are known before the run."""
    return {
        TASK_TAG: str(task.key),
        "trellis/validator_uid": str(task.validator_uid),
        "trellis/kind": str(task.kind),
        "trellis/prompt": task.label,
    }


def tags_at_end(task: Task) -> dict[str, str]:
    """Return the tags of a finished task: outcome, reason, scores and endpoint."""
    tags = {"trellis/outcome": str(task.state)}
    if task.reason and task.state is not TaskState.ACCEPTED:
        # The kind of reason alone, so that one filter finds all of a kind.
        tags["trellis/reason"] = printable(task.reason.partition(":")[0], _LONGEST)
    if task.verdict is not None:
        tags["trellis/local_score"] = f"{task.verdict.score:.2f}"
    fidelity = task.feedback.task_fidelity_score if task.feedback is not None else None
    if task.state is TaskState.ACCEPTED and fidelity is not None:
        tags["trellis/fidelity"] = f"{fidelity:.2f}"
    if task.generation is not None and task.generation.endpoint:
        tags["trellis/endpoint"] = printable(task.generation.endpoint, _LONGEST)
    return tags
