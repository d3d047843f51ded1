"""Idle validation: which active task it must not delay, and what a run of it did, file by file."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.tasks import WORKABLE_STATES, TaskState

# Tasks that use the validator, or will next.
_JUDGED_NEXT = frozenset({TaskState.GENERATED, TaskState.VALIDATING})


def held_back_by(
    tasks: Sequence[ActiveTask], miner_hotkey: str, *, shares_validator: bool
) -> ActiveTask | None:
    """Return an active task that idle validation would delay; None if there is none.

    That is any task of the miner itself. Of other miners of the store, which have machines of their own,
    it is only a task that uses the same validation server.

    Args:
        tasks: the active ones of every miner.
        miner_hotkey: whose idle validation it is.
        shares_validator: a validation server is used, which other miners may use too.
    """
    for task in tasks:
        if task.miner_hotkey == miner_hotkey:
            if task.state in WORKABLE_STATES:
                return task
        elif shares_validator and task.state in _JUDGED_NEXT:
            return task
    return None


def is_validator_wanted(tasks: Sequence[ActiveTask], miner_hotkey: str, *, shares_validator: bool) -> bool:
    """Return whether a task of a mining run is at the validator, or about to be.

    Args:
        tasks: the active ones of every miner.
        miner_hotkey: whose backfill it is.
        shares_validator: a validation server is used, which other miners may use too.
    """
    ours = (task for task in tasks if shares_validator or task.miner_hotkey == miner_hotkey)
    return any(task.state in _JUDGED_NEXT for task in ours)


@dataclass(frozen=True, slots=True)
class JudgedCounts:
    """How many models of some hours have a local score.

    Attributes:
        models: stored ones of tasks that have ended.
        scored: of these, with a local score; `scored_when_idle`: by idle validation.
    """

    models: int = 0
    scored: int = 0
    scored_when_idle: int = 0

    @property
    def unscored(self) -> int:
        """Return how many models have no local score."""
        return self.models - self.scored


@dataclass(slots=True)
class IdleReport:
    """Keys of tasks by what became of their files.

    Attributes:
        scored: with their new scores.
        missing: the file is gone. `changed`: it is not the one that was stored. Neither is scored.
        unavailable: the local validator could not judge now.
        left: not reached, because new work came in.
        interrupted_by: that work; None if every file was reached.
    """

    scored: dict[int, float] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    unavailable: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    interrupted_by: str | None = None

    @property
    def is_done(self) -> bool:
        """Return whether no file is left that could be scored now or later."""
        return not self.left and not self.unavailable

    @property
    def left_out(self) -> int:
        """Return how many files still have no score."""
        return len(self.missing) + len(self.changed) + len(self.unavailable) + len(self.left)
