"""Which waiting task gets a run, and under which attempt number."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.clock_skew import elapsed, is_ahead
from trellis_assets.domain.submission_lock import LONGEST_LOCK
from trellis_assets.domain.tasks import LEASE, Task
from trellis_assets.system.compat import StrEnum

MAX_ATTEMPTS = 12
# A run that Dagster calls started must claim its task within this time, or it is dead.
START_GRACE = timedelta(seconds=45)
MAX_BACKOFF_S = 60.0


class RunStatus(StrEnum):
    """What Dagster knows of the last run requested for a task."""

    NONE = "none"
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Request:
    """Ask for a run under this attempt number. Asking twice under one number is harmless."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave it: a run holds it or is about to."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Runs for this task have died too often."""


def next_attempt(task: Task, run: RunStatus, now: datetime) -> Request | Wait | GiveUp:
    """What to do for an unfinished task.

    Args:
        task: in a workable state.
        run: of the task's current run key.
        now: aware UTC.
    """
    if is_ahead(task.claimed_until, now, LEASE) or is_ahead(task.submit_after, now, LONGEST_LOCK):
        return Wait()
    if run is RunStatus.NONE:
        return Request(task.attempt)
    if run is RunStatus.QUEUED:
        return Wait()
    requested_at = task.requested_at or task.pulled_at
    waited = elapsed(requested_at, now)
    # A claim that ended before this run was asked for was an earlier run's.
    died_holding = task.claimed_until is not None and task.claimed_until > requested_at
    if run is RunStatus.RUNNING and not died_holding:
        # Nobody may be at fault: on a machine with too much to do it waits for its turn, and so may the
        # next one. The task is never given up for it.
        return Wait() if waited < START_GRACE else Request(task.attempt + 1)
    if task.attempt + 1 >= MAX_ATTEMPTS:
        return GiveUp()
    backoff_s = min(MAX_BACKOFF_S, 2.0**task.attempt - 1.0)
    return Request(task.attempt + 1) if waited.total_seconds() >= backoff_s else Wait()
