"""What the terminal shows of a session: validators, endpoints, tasks in hand, and what happened last."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trellis_assets.domain.endpoints.breaker import BreakerState
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.statistics import ValidatorCounters
from trellis_assets.domain.tasks import Task, TaskState, printable
from trellis_assets.domain.validators import PollRecord

# States that cost the miner something: told one by one also where there is no live table.
OF_NOTE = frozenset({TaskState.REJECTED, TaskState.HANDED_BACK, TaskState.ANSWER_UNKNOWN, TaskState.FAILED})
_LONGEST_REASON = 160
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as it is now.

    Attributes:
        counts: its tasks by state.
        limit: tasks after which it ends; None: none.
        polls: of the listed validators, the highest stake first.
        counters: of validators, by hotkey.
        endpoints: of the generator.
        active: unfinished tasks, oldest first.
    """

    at: datetime
    counts: Mapping[TaskState, int] = field(default_factory=dict)
    limit: int | None = None
    polls: tuple[PollRecord, ...] = ()
    counters: Mapping[str, ValidatorCounters] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    active: tuple[ActiveTask, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How a task ended.

    Attributes:
        text: one printable line.
    """

    at: datetime
    state: TaskState
    text: str

    @property
    def is_of_note(self) -> bool:
        """Return whether it cost the miner something."""
        return self.state in OF_NOTE


def counts_line(counts: Mapping[TaskState, int], limit: int | None) -> str:
    """Return the session's tasks by state in one line.

    Example:
        {ACCEPTED: 3, GENERATING: 1} with a limit of 20 gives "tasks 4/20: 1 generating, 3 accepted".
    """
    pulled = sum(counts.values())
    of = f"/{limit}" if limit is not None else ""
    states = ", ".join(f"{counts[s]} {s}" for s in TaskState if counts.get(s))
    return f"tasks {pulled}{of}: {states or 'none yet'}"


def task_end(task: Task, now: datetime) -> TaskEnd:
    """Return how the task ended, in words: "task 7 of validator 3: rejected (rejected: too little)"."""
    of = f" of validator {task.validator_uid}" if task.validator_uid is not None else ""
    why = f" ({printable(task.reason, _LONGEST_REASON)})" if task.reason else ""
    return TaskEnd(task.finished_at or now, task.state, f"task {task.key}{of}: {task.state}{why}")


def poll_state(poll: PollRecord, active: Mapping[str, TaskState], now: datetime) -> str:
    """Return what the validator is doing for us.

    Args:
        poll: its record.
        active: state of the task in hand, by the hotkey of its validator.
        now: aware UTC.

    Returns:
        "task generating", "cooldown 4:59", "next poll 0:12", "due", or "failing: …" with the reason.
    """
    if (state := active.get(poll.hotkey)) is not None:
        return f"task {state}"
    if poll.reason:
        return f"failing: {printable(poll.reason, 60)}"
    cooldown, planned = poll.times.cooldown_until, poll.times.next_poll_at
    if cooldown is not None and cooldown > now:
        return f"cooldown {clock_text(cooldown - now)}"
    if planned is not None and planned > now:
        return f"next poll {clock_text(planned - now)}"
    return "due"


def endpoint_state(endpoint: Endpoint, now: datetime) -> str:
    """Return what the endpoint is doing: "task 7, 0:12", "free", or why and how long it takes no work."""
    if endpoint.held_by is not None:
        since = f", {clock_text(now - endpoint.began_at)}" if endpoint.began_at else ""
        return f"task {endpoint.held_by}{since}"
    state = endpoint.breaker.state(now)
    if state is BreakerState.OPEN and endpoint.breaker.open_until is not None:
        why = f": {printable(endpoint.last_error, 60)}" if endpoint.last_error else ""
        return f"out for {clock_text(endpoint.breaker.open_until - now)}{why}"
    return "on trial" if state is BreakerState.HALF_OPEN else "free"


def clock_text(duration: timedelta) -> str:
    """Return a duration in minutes and seconds, or in hours: 75 s is "1:15", 2 h is "2 h".

    A time that is over is "0:00".
    """
    seconds = max(0, round(duration.total_seconds()))
    if seconds >= _HOUR_S:
        return f"{seconds / _HOUR_S:.3g} h"
    return f"{seconds // 60}:{seconds % 60:02d}"
