"""Heartbeats: whether a process that lives also makes progress, by its last heartbeat.

All times are seconds of the machine's monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trellis_assets.system.compat import Self, StrEnum

# A writer may wait 30 s for SQLite; nothing blocks a healthy event loop for longer.
SILENT_AFTER_S = 40.0
# A round ends after half a second, but for the very first one: it may wait for the chain.
ROUND_WITHIN_S, FIRST_ROUND_WITHIN_S = 45.0, 180.0
# Dagster's daemon evaluates the sensor every 5 s.
TICK_WITHIN_S = 45.0
# A process need not send a heartbeat sooner after its start: imports take seconds, more on a busy machine.
STARTS_WITHIN_S = 60.0


class Stage(StrEnum):
    """What a run worker does. Each stage but the first ends within its bound, or is entered again."""

    RUNNING = "running"  # also of other jobs than mining, which may take long
    WAITING = "waiting for an endpoint"
    GENERATING = "generating"
    STORING = "storing"
    VALIDATING = "validating"
    SUBMITTING = "submitting"
    FINISHING = "finishing"


# What a stage may take beside the calls that it waits for: the store, files, encoding, a busy machine.
SLACK_S = 60.0


def stage_bounds(*, generation_s: float, validation_s: float, submission_s: float) -> dict[Stage, float]:
    """Return how long each stage may take, in seconds.

    Args:
        generation_s: time-out of a generation.
        validation_s: time-out of a validation.
        submission_s: time-out of a submission.

    Examples:
        With a generation time-out of 300 s a worker that generates is replaced after 360 s.
        >>> stage_bounds(generation_s=300, validation_s=60, submission_s=300)[Stage.GENERATING]
        360.0
    """
    return {
        Stage.WAITING: 2 * SLACK_S,
        Stage.GENERATING: generation_s + SLACK_S,
        Stage.STORING: 3 * SLACK_S,
        Stage.VALIDATING: validation_s + SLACK_S,
        Stage.SUBMITTING: submission_s + SLACK_S,
        Stage.FINISHING: 3 * SLACK_S,
    }


# A worker sends a heartbeat every 5 s; one that is being forked imports for some seconds first.
WORKER_SILENT_AFTER_S = 60.0


def why_worker_is_stuck(
    *, silent_s: float, stage: Stage | None, stage_s: float, bounds: Mapping[Stage, float]
) -> str | None:
    """Return why a run worker counts as stuck; None while it does not.

    Args:
        silent_s: since its last heartbeat.
        stage: of its run; None between two runs.
        stage_s: since the stage began.
        bounds: seconds that stages may take; a stage that is not named has none.

    Examples:
        >>> bounds = {Stage.GENERATING: 360.0}
        >>> why_worker_is_stuck(silent_s=3, stage=Stage.GENERATING, stage_s=361, bounds=bounds)
        'generating for 361 s, longer than 360 s'
    """
    if silent_s > WORKER_SILENT_AFTER_S:
        return f"no heartbeat for {silent_s:.0f} s"
    bound = bounds.get(stage) if stage is not None else None
    if bound is not None and stage_s > bound:
        return f"{stage} for {stage_s:.0f} s, longer than {bound:.0f} s"
    return None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last heartbeat of a process.

    Attributes:
        pid: of the process.
        beat_at: when it was sent.
        figures: the rest, as the process wrote it.
    """

    pid: int
    beat_at: float
    figures: Mapping[str, Any]

    @classmethod
    def read(cls, figures: Mapping[str, Any]) -> Self | None:
        """Return the heartbeat that was written; None where there is none."""
        pid, beat_at = figures.get("pid"), figures.get("beat_at")
        if not isinstance(pid, int) or not isinstance(beat_at, int | float):
            return None
        return cls(pid, float(beat_at), figures)

    def age_s(self, name: str, now: float) -> float | None:
        """Return the seconds since the moment that is called `name` in the figures; None before it."""
        at = self.figures.get(name)
        return max(0.0, now - at) if isinstance(at, int | float) else None


def why_silent(heartbeat: Heartbeat | None, pid: int, *, started_at: float, now: float) -> str | None:
    """Return why a process that writes heartbeats counts as stuck; None while it does not.

    Examples:
        >>> why_silent(Heartbeat(7, beat_at=100.0, figures={}), 7, started_at=0.0, now=141.0)
        'no sign of progress for 41 s'
    """
    if heartbeat is None or heartbeat.pid != pid:
        waited = now - started_at
        return f"no sign of progress since its start {waited:.0f} s ago" if waited > STARTS_WITHIN_S else None
    silent = now - heartbeat.beat_at
    return f"no sign of progress for {silent:.0f} s" if silent > SILENT_AFTER_S else None


def why_poller_is_stuck(heartbeat: Heartbeat | None, pid: int, *, now: float) -> str | None:
    """Return why the poller of the process `pid` counts as stuck; None while it does not, or does not run."""
    if heartbeat is None or heartbeat.pid != pid or not heartbeat.figures.get("is_running"):
        return None
    silent = now - heartbeat.beat_at
    if silent > SILENT_AFTER_S:
        return f"its event loop has not moved for {silent:.0f} s"
    is_first = not heartbeat.figures.get("rounds")
    since_round = heartbeat.age_s("started_at" if is_first else "round_at", now)
    if since_round is not None and since_round > (FIRST_ROUND_WITHIN_S if is_first else ROUND_WITHIN_S):
        return f"no round of polls has ended for {since_round:.0f} s"
    return None
