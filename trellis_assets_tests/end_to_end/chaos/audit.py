"""The audit: from what a run left behind, find everything that must not be. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from trellis_assets.domain.submissions import HandBackReason
from trellis_assets.domain.tasks import Task, TaskState, is_final
from trellis_assets_tests.end_to_end.chaos.evidence import Evidence, Kill
from trellis_assets_tests.end_to_end.chaos.roles import Role

RECOVERY_S = 60.0
# A poll may have been on its way for so long when the task of the one before it arrived.
POLL_ON_ITS_WAY_S = 2.0
Line = Mapping[str, Any]

# What ends a task at its validator, and the states that the miner may have it in then.
_UNKNOWN = TaskState.ANSWER_UNKNOWN
STATES_OF_ANSWER = {
    "accepted": {TaskState.ACCEPTED, _UNKNOWN},
    "rejected": {TaskState.REJECTED, _UNKNOWN},
    "handed_back": {TaskState.HANDED_BACK, _UNKNOWN},
    "scoring_failed": {TaskState.FAILED, _UNKNOWN},
}
# A second try at a task that was answered, or one that no honest miner sends.
BLIND = {"refused", "other_task_id", "bad_signature"}
# Lines of the audit trail that show a task on its way; the rest only tells of trouble.
PROGRESS = {
    "task pulled",
    "generation started",
    "generation finished",
    "earlier result reused",
    "model validated",
    "submission sent",
    "submission answered",
}
ENDINGS = {"submission answered", "task declined", "task failed", "submission's answer is lost"}


def audit_run(evidence: Evidence) -> list[str]:
    """Return every violation, in words; none for a run without fault."""
    return [
        *lost_tasks(evidence.decisions, evidence.tasks),
        *unended_tasks(evidence.tasks),
        *doubled_rows(evidence.tasks),
        *tasks_given_up(evidence.tasks),
        *answered_twice(evidence.decisions),
        *pulled_again(evidence.decisions, evidence.trail),
        *states_that_differ(evidence.decisions, evidence.tasks),
        *wasted_generations(evidence.trail),
        *models_made_twice(evidence.server_log),
        *slow_recoveries(evidence.kills, evidence.trail),
        *abandoned_tasks(evidence.kills, evidence.trail, evidence.tasks),
        *(f"Dagster shows a run in progress that nobody works on: {run}" for run in evidence.open_runs),
        *(f"a process is left: {process}" for process in evidence.left_processes),
        *(f"the {e.service} ended by itself with {e.code}" for e in evidence.ended if e.is_fault),
    ]


def lost_tasks(decisions: Iterable[Line], tasks: Iterable[Task]) -> Iterator[str]:
    """Yield tasks that a validator assigned and holds no more, and that are not in the store.

    A pull whose answer never arrived leaves the task with the validator, which serves it again.
    """
    stored = {task.task_id for task in tasks}
    answered = set(_answers(decisions := list(decisions)))
    held = {d["validator_uid"]: d["task_id"] for d in decisions if d["event"] == "assigned"}
    for decision in decisions:
        task_id = decision.get("task_id")
        if decision["event"] != "assigned" or task_id in stored:
            continue
        if task_id in answered or held[decision["validator_uid"]] != task_id:
            yield f"task {task_id} was assigned by {decision['validator_uid']} and is not in the store"


def unended_tasks(tasks: Iterable[Task]) -> Iterator[str]:
    """Yield tasks without a final state."""
    for task in tasks:
        if not is_final(task.state):
            yield f"task {task.key} has no final state: {task.state} (attempt {task.attempt})"


def doubled_rows(tasks: Iterable[Task]) -> Iterator[str]:
    """Yield tasks that have more than one row, and so more than one final state."""
    rows = Counter((task.validator_hotkey, task.task_id) for task in tasks)
    for (_, task_id), count in rows.items():
        if count > 1:
            yield f"task {task_id} has {count} rows"


def tasks_given_up(tasks: Iterable[Task]) -> Iterator[str]:
    """Yield tasks that ended because of kills, not of the validator or the prompt."""
    for task in tasks:
        gave_up = task.state is TaskState.HANDED_BACK and (task.reason or "").startswith(
            HandBackReason.GENERATION_FAILED
        )
        if task.state is TaskState.FAILED or gave_up:
            yield f"task {task.key} was given up: {task.state}, {task.reason}"


def answered_twice(decisions: Iterable[Line]) -> Iterator[str]:
    """Yield tasks that were submitted again after an answer that counted, by the validators' own log."""
    decisions = list(decisions)
    for task_id, events in _answers(decisions).items():
        if len(events) > 1:
            yield f"task {task_id} was answered {len(events)} times: {', '.join(events)}"
    for decision in decisions:
        if decision["event"] in BLIND:
            uid, reason = decision.get("validator_uid"), decision.get("reason")
            yield f"validator {uid} was sent what it did not wait for: {decision['event']} ({reason})"


def pulled_again(decisions: Iterable[Line], trail: Iterable[Line]) -> Iterator[str]:
    """Yield pulls that were made while the miner had the validator's task, by its own audit log."""
    lines: dict[Any, list[Line]] = defaultdict(list)
    for line in trail:
        lines[line.get("task_id")].append(line)
    for decision in decisions:
        if decision["event"] != "same_task_again":
            continue
        at = datetime.fromisoformat(decision["time"]).timestamp()
        before = [line["event"] for line in lines[decision["task_id"]] if line["at"] < at - POLL_ON_ITS_WAY_S]
        if "task pulled" in before and not ENDINGS & set(before):
            yield f"task {decision['task_id']} was pulled again while the miner had it in hand"


def states_that_differ(decisions: Iterable[Line], tasks: Iterable[Task]) -> Iterator[str]:
    """Yield tasks whose state in the store is not the validator's, or unknown though nothing arrived."""
    answers = _answers(decisions)
    for task in tasks:
        if not task.is_harvested or not is_final(task.state):
            continue
        events = answers.get(task.task_id, [])
        if not events:
            yield f"task {task.key} is {task.state}, and its validator had no answer to it"
        elif events[-1] in STATES_OF_ANSWER and task.state not in STATES_OF_ANSWER[events[-1]]:
            yield f"task {task.key} is {task.state}, and its validator says {events[-1]}"


def wasted_generations(trail: Iterable[Line]) -> Iterator[str]:
    """Yield candidates of tasks that were generated again although their model was stored."""
    made: set[tuple[int, int]] = set()
    for line in trail:
        key = line.get("task_key")
        if line["event"] == "model file not usable":
            made = {(task, number) for task, number in made if task != key}
        elif line["event"] == "generation finished" and key is not None:
            candidate = key, line.get("candidate", 0)
            if candidate in made:
                yield f"candidate {candidate[1]} of task {key} was generated again after its model was stored"
            made.add(candidate)


def models_made_twice(server_log: Iterable[str]) -> Iterator[str]:
    """Yield requests that the generation server finished more than once within one life of its process."""
    made: Counter[str] = Counter()
    for line in server_log:
        if "Started server process" in line:
            made.clear()
        elif "model made: " in line:
            made[order := line.split("model made: ")[1].split(" in ")[0]] += 1
            if made[order] > 1:
                yield f"the generation server made one model twice: {order}"


def recoveries(kills: Sequence[Kill], trail: Sequence[Line]) -> list[tuple[Kill, float | None]]:
    """Yield each kill with the seconds until a task moved again.

    A kill before which nothing had moved since the last one is that one's: its time begins again.
    Only what processes did that came after the kill counts where everything was killed.
    """
    found: list[tuple[Kill, float | None]] = []
    for kill in kills:
        older = {line["process"] for line in trail if line["at"] <= kill.at}
        needs_new = kill.role in {Role.MACHINE, Role.CODE_SERVER, Role.SUPERVISOR}
        # What moved without a server moved because it did not need it yet.
        is_server = kill.role in {Role.BROKER, Role.DATABASE}
        since = kill.at + (kill.back_after_s or 0.0 if is_server else 0.0)
        moved = (
            line["at"] - kill.at
            for line in trail
            if line["at"] > since
            and line["event"] in PROGRESS
            and not (needs_new and line["process"] in older)
        )
        found.append((kill, next(moved, None)))
    return found


def slow_recoveries(kills: Sequence[Kill], trail: Sequence[Line]) -> Iterator[str]:
    """Yield kills after which the process, or the work, was not back in time."""
    for index, (kill, after_s) in enumerate(recoveries(kills, trail)):
        if kill.back_after_s is None or kill.back_after_s > RECOVERY_S:
            yield f"the {kill.role} killed at {kill.at:.0f} was not back: {kill.back_after_s}"
        following = kills[index + 1].at if index + 1 < len(kills) else float("inf")
        if (after_s is None or after_s > RECOVERY_S) and following > kill.at + RECOVERY_S:
            where = f"the {kill.role}'s end at {kill.at:.0f}"
            yield f"nothing moved within {RECOVERY_S:.0f} s of {where}: {after_s}"


def abandoned_tasks(kills: Sequence[Kill], trail: Sequence[Line], tasks: Iterable[Task]) -> Iterator[str]:
    """Yield tasks whose worker was killed, and that no other run took over in time.

    One that had ended in the store was not abandoned: its worker only did not live to write its last line.
    """
    ended_at = {task.key: task.finished_at.timestamp() for task in tasks if task.finished_at is not None}
    history: dict[int, list[Line]] = defaultdict(list)
    for line in trail:
        if line.get("task_key") is not None:
            history[line["task_key"]].append(line)
    for kill in kills:
        if kill.role not in {Role.WORKER, Role.CELERY_WORKER, Role.MACHINE}:
            continue
        for key, lines in history.items():
            before = [line for line in lines if line["at"] <= kill.at]
            if not before or before[-1]["process"] not in kill.pids or before[-1]["event"] in ENDINGS:
                continue
            after_s = next((line["at"] - kill.at for line in lines if line["at"] > kill.at), None)
            if ended_at.get(key, math.inf) <= kill.at:
                continue
            disturbed = any(kill.at < other.at <= kill.at + RECOVERY_S for other in kills)
            if after_s is None or (after_s > RECOVERY_S and not disturbed):
                yield f"task {key}, whose worker was killed at {kill.at:.0f}, was taken up after {after_s}"


def busy_processes(trail: Iterable[Line]) -> set[int]:
    """Return the processes that have an active task, by the audit log."""
    last = {line["task_key"]: line for line in trail if line.get("task_key") is not None}
    return {line["process"] for line in last.values() if line["event"] not in ENDINGS}


def _answers(decisions: Iterable[Line]) -> dict[str, list[str]]:
    """Return the validators' decisions that ended each task, by task id."""
    found: dict[str, list[str]] = defaultdict(list)
    for decision in decisions:
        if decision["event"] in STATES_OF_ANSWER and decision.get("task_id"):
            found[decision["task_id"]].append(decision["event"])
    return found
