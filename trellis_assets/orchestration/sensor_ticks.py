"""What a tick of the `task_sensor` shows: the runs it stands for, and what the validators answered.

The poller starts runs between two ticks. Dagster counts only runs that a tick requests itself, and would
read "0 requested" for ever; asking it for runs that exist already reads "skipped, already processed".
So the runs that were started after a tick are written into that tick by the next one: its row on the
sensor's page then has their number, links and keys.
"""

import re
from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus

from trellis_assets.orchestration.run_tags import TASK_TAG
from trellis_assets.orchestration.runs import StartedRun
from trellis_assets.orchestration.sensor_switch import SENSOR_NAME
from trellis_assets.steps.poll_validators import PollReport

_LISTED_TASKS = 10
_FINISHED = {TickStatus.SKIPPED, TickStatus.SUCCESS}


def record_runs(context: dg.SensorEvaluationContext, runs: Sequence[StartedRun]) -> bool:
    """Write the runs into the sensor's last finished tick; return whether that was done.

    What fails is logged and goes no further: the tick keeps the miner at work, whatever its page shows.
    """
    if not runs:
        return False
    try:
        return add_to_last_tick(context.instance, runs)
    except Exception:  # Dagster's storage raises what its database raises
        context.log.exception("the started runs could not be written into the last tick")
        return False


def add_to_last_tick(instance: dg.DagsterInstance, runs: Sequence[StartedRun]) -> bool:
    """Add the runs to the sensor's last finished tick; return whether there was one.

    The tick under way belongs to Dagster's daemon, which would overwrite what is added to it.
    """
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        if state.instigator_name != SENSOR_NAME:
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=2)
        tick = next((tick for tick in ticks if tick.status in _FINISHED), None)
        if tick is not None:
            for run in runs:
                tick = tick.with_run_info(run.run_id, run.run_key)
            # `TickData.with_status`, unlike the tick's own, leaves the tick's end as it is. It checks the
            # combination: Dagster could not read a successful tick that has a reason to skip.
            data = tick.tick_data.with_status(TickStatus.SUCCESS, skip_reason=None)
            instance.update_tick(tick._replace(tick_data=data))
            return True
    return False


def log_tick(context: dg.SensorEvaluationContext, report: PollReport, runs: Sequence[StartedRun]) -> None:
    """Log each started run and each kind of answer; count the runs in the cursor.

    The cursor is the number of runs that the poller ever started, such as "128".
    """
    cursor = context.cursor or ""
    before = int(cursor) if cursor.isdecimal() else 0
    if runs:
        context.update_cursor(str(before + len(runs)))
    for run in runs:
        context.log.info("started run %s for task %s (run key %s)", run.run_id, run.task_key, run.run_key)
    for answer, count in sorted(report.answers.items()):
        context.log.info("%s: %s", _in_words(answer), count)


def describe_runs(runs: Sequence[StartedRun]) -> str:
    """Return how many runs were started since the last tick, and how to find them.

    >>> describe_runs([StartedRun("an id", "a key", 7)])
    '1 run was started since the last tick, for task 7 (tag trellis/task).'
    """
    if not runs:
        return "No run was started since the last tick."
    shown = ", ".join(str(run.task_key) for run in runs[:_LISTED_TASKS])
    more = len(runs) - _LISTED_TASKS
    listed = shown + (f" and {more} more" if more > 0 else "")
    noun = "1 run was" if len(runs) == 1 else f"{len(runs)} runs were"
    return f"{noun} started since the last tick, for task {listed} (tag {TASK_TAG})."


def describe_polls(report: PollReport) -> str:
    """Return what the polls brought, or why no validator was polled."""
    if report.problem is not None:
        return report.problem
    if report.polled:
        answers = ", ".join(f"{_in_words(name)} {count}" for name, count in sorted(report.answers.items()))
        return f"{report.polled} polls: {answers}."
    if report.next_due_in_s is None:
        return "Not polling: enough tasks are queued, or no validator is eligible."
    return f"No validator is due; the next one is in {max(0.0, report.next_due_in_s):.0f} s."


def _in_words(answer: str) -> str:
    """Return the name of an answer's class as words: "TaskAssigned" is "task assigned"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", answer).lower()
