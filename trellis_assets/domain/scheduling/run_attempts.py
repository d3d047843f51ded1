"""Run attempts: which task gets a run, and under which attempt number.

Dagster starts a run key once: each further attempt of a task has a run key of its own.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.domain.clock_skew import elapsed, is_ahead
from trellis_assets.domain.submission_lock import LONGEST_LOCK
from trellis_assets.domain.tasks import Task
from trellis_assets.system.compat import StrEnum

MAX_ATTEMPTS = 12
# A run that Dagster calls started must claim its task within this time, or it is dead.
START_GRACE = timedelta(seconds=45)
# Since the last request, by how many attempts died; the next run of a task that kills runs waits.
ATTEMPT_BACKOFF = BackoffPolicy.of_seconds(0, 1, 3, 7, 15, 31, 60, jitter=0.0)


class RunStatus(StrEnum):
    """What Dagster knows of the last run requested for a task."""

    NONE = "none"
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Request:
    """Request a run under this attempt number; to request it twice is harmless."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Request nothing: a run holds the task or is about to, or the back-off is not over."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Fail the task: its runs have died too often."""


def next_attempt(task: Task, run: RunStatus, now: datetime) -> Request | Wait | GiveUp:
    """Return what to do for an active task.

    Args:
        task: in a workable state.
        run: of the task's current run key.
        now: aware UTC.

    Examples:
        A task that no run was requested for gets one at once. After its run has died, the next one waits
        for the back-off, 7 s after the fourth attempt:
        >>> from trellis_assets.testing.fakes import NOW, a_task
        >>> next_attempt(a_task(), RunStatus.NONE, NOW)
        Request(attempt=0)
        >>> died = a_task(attempt=3, requested_at=NOW)
        >>> next_attempt(died, RunStatus.ENDED, NOW + timedelta(seconds=6))
        Wait()
        >>> next_attempt(died, RunStatus.ENDED, NOW + timedelta(seconds=7))
        Request(attempt=4)
    """
    if task.claimed_until is not None or is_ahead(task.submit_after, now, LONGEST_LOCK):
        return Wait()
    if run is RunStatus.NONE:
        return Request(task.attempt)
    if run is RunStatus.QUEUED:
        return Wait()
    requested_at = task.requested_at or task.pulled_at
    waited = elapsed(requested_at, now)
    # An earlier run is forgotten when this one is requested.
    died_holding = task.run_id is not None
    if run is RunStatus.RUNNING and not died_holding:
        # The run may wait for its turn on a busy machine, and so may the next one: the task is never given
        # up for that.
        return Wait() if waited < START_GRACE else Request(task.attempt + 1)
    if task.attempt + 1 >= MAX_ATTEMPTS:
        return GiveUp()
    is_due = waited >= ATTEMPT_BACKOFF.delay(task.attempt + 1)
    return Request(task.attempt + 1) if is_due else Wait()
