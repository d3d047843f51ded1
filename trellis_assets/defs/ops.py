"""The three ops of a mining run. Each is idempotent: the store knows the state of the task."""

from collections.abc import Mapping
from types import MappingProxyType

import dagster as dg

from trellis_assets.composition import MiningSteps
from trellis_assets.defs.metadata import candidates_metadata, markdown_picture, task_metadata
from trellis_assets.defs.resources import MinerResource
from trellis_assets.domain.heartbeats import Stage
from trellis_assets.domain.submissions import HandBackReason
from trellis_assets.domain.tasks import Task, TaskState, printable
from trellis_assets.orchestration.run_tags import tags_at_end
from trellis_assets.steps.show_candidates import ShownCandidates
from trellis_assets.system.stages import enter_stage

TaskKey = int
PICTURES = {"preview": "the generated model", "made_from": "the picture, and the object cut out of it"}
NOTHING: Mapping[str, bytes] = MappingProxyType({})
# Reasons may quote what a server or a validator said.
_LONGEST_REASON = 1_000
ANSWERED_STATES = frozenset({TaskState.ACCEPTED, TaskState.REJECTED})


class TaskConfig(dg.Config):
    """The task of the run: the key of its row in the task table."""

    task_key: int


def _describe(
    context: dg.OpExecutionContext,
    key: TaskKey,
    task: Task | None,
    gallery: str,
    shown: Mapping[str, bytes] = NOTHING,
    *,
    candidates: ShownCandidates | None = None,
) -> None:
    if task is None:
        context.log.warning("task %s is final or claimed by another run: nothing to do", key)
        return
    context.add_output_metadata(_metadata_of(task, gallery, shown, candidates=candidates))


def _metadata_of(
    task: Task, gallery: str, shown: Mapping[str, bytes], *, candidates: ShownCandidates | None = None
) -> dict[str, dg.MetadataValue]:
    """Return what people want to see of a task; the pictures first, since the UI folds long metadata."""
    metadata: dict[str, dg.MetadataValue] = {
        name: markdown_picture(picture, PICTURES[name]) for name, picture in shown.items()
    }
    metadata |= candidates_metadata(candidates)
    metadata |= {
        "task_id": dg.MetadataValue.text(task.task_id),
        "state": dg.MetadataValue.text(str(task.state)),
        "prompt": dg.MetadataValue.text(task.label),
        "validator_uid": dg.MetadataValue.text(str(task.validator_uid)),
    }
    if task.reason:
        metadata["reason"] = dg.MetadataValue.text(printable(task.reason, _LONGEST_REASON))
    if task.generation:
        metadata["gallery"] = dg.MetadataValue.url(f"{gallery}/models/{task.key}")
    metadata |= task_metadata(task)
    return metadata


@dg.op(description="Generates a model of the task's prompt, or decides to hand the task back.")
def generate(context: dg.OpExecutionContext, config: TaskConfig, miner: MinerResource) -> TaskKey:
    """Generate and store the model; the endpoint's slot is held only meanwhile."""
    parts = miner.get()
    enter_stage(Stage.WAITING)
    task = parts.generate_step().run(config.task_key, context.run_id)
    if task is None:
        parts.store.tasks.get(config.task_key)  # fails a run that was launched for a task that does not exist
    _describe(context, config.task_key, task, parts.gallery_address)
    return config.task_key


@dg.op(description="Validates the model locally, and decides whether it is submitted.")
def validate(context: dg.OpExecutionContext, miner: MinerResource, task_key: TaskKey) -> TaskKey:
    """Validate the model; one below the quality gate is handed back empty rather than rejected."""
    parts = miner.get()
    task = parts.validate_step().run(task_key, context.run_id)
    _describe(context, task_key, task, parts.gallery_address)
    return task_key


@dg.op(description="Submits the model, or hands the task back, and stores the validator's feedback.")
def submit(context: dg.OpExecutionContext, miner: MinerResource, task_key: TaskKey) -> TaskKey:
    """Submit once; never retry, since a lost answer may mean that the submission was accepted."""
    parts = miner.get()
    gallery = parts.gallery_address
    task = parts.submit_step().run(task_key, context.run_id)
    enter_stage(Stage.FINISHING)
    # Drawn last, when the validator has its answer.
    pictures = _pictures(parts, task) if task is not None else NOTHING
    candidates = parts.show_candidates_step().run(task) if task is not None else None
    # Once: in the asset's event, which the run's page shows too, or else with the output.
    is_answered = False
    if task is not None and task.submission is not None and task.state in ANSWERED_STATES:
        is_answered = True
        shown = _metadata_of(task, gallery, pictures, candidates=candidates)
        context.log_event(dg.AssetMaterialization("submissions", metadata=shown))
    if is_answered:
        _describe(context, task_key, task, gallery)
    else:
        _describe(context, task_key, task, gallery, pictures, candidates=candidates)
    if task is not None:
        context.instance.add_run_tags(context.run_id, tags_at_end(task))
    if (learn := parts.learn_step()) is not None:
        learn.run_if_due()
    if task is not None and _is_failure(task):
        reason = printable(task.reason or "", _LONGEST_REASON)
        raise dg.Failure(description=f"task {task_key}: {reason}", allow_retries=False)
    return task_key


def _pictures(parts: MiningSteps, task: Task) -> Mapping[str, bytes]:
    """Return pictures of the model and of what it was made from, by their names in the metadata."""
    drawn = {"preview": parts.preview_step().run(task), "made_from": parts.made_from_step().run(task)}
    return {name: picture for name, picture in drawn.items() if picture is not None}


def _is_failure(task: Task) -> bool:
    """Return whether the run is to be shown as failed although the task has its final state."""
    generation_failed = (task.reason or "").startswith(HandBackReason.GENERATION_FAILED)
    return task.state is TaskState.FAILED or generation_failed
