"""What holds back idle validation, and what it did, file by file."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.tasks import WORKABLE_STATES, TaskState

# Who is about to ask the validator, or asks it.
_JUDGED_NEXT = frozenset({TaskState.GENERATED, TaskState.VALIDATING})


def held_back_by(
    tasks: Sequence[ActiveTask], miner_hotkey: str, *, shares_validator: bool
) -> ActiveTask | None:
    """The task that idle validation has to give way to, None when there is none.

    Any of the miner's own that is worked on. Of other miners of the store, whose machines are theirs, only
    one whose turn at the same validator it would delay.

    Args:
        tasks: unfinished ones of every miner.
        miner_hotkey: whose idle validation it is.
        shares_validator: a server judges, which other miners may ask too.
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
        tasks: unfinished ones of every miner.
        miner_hotkey: whose backfill asks.
        shares_validator: a server judges, which other miners may ask too.
    """
    ours = (task for task in tasks if shares_validator or task.miner_hotkey == miner_hotkey)
    return any(task.state in _JUDGED_NEXT for task in ours)


@dataclass(frozen=True, slots=True)
class JudgedCounts:
    """How the models of some hours stand.

    Attributes:
        models: kept ones of tasks that have ended.
        scored: of these, with a local score; `scored_when_idle`: by idle validation.
    """

    models: int = 0
    scored: int = 0
    scored_when_idle: int = 0

    @property
    def unscored(self) -> int:
        """Models without a local score."""
        return self.models - self.scored


@dataclass(slots=True)
class IdleReport:
    """Keys of tasks by what became of their files.

    Attributes:
        scored: with their new scores.
        missing: the file is gone. `changed`: it is not the one that was stored. Neither is scored.
        unavailable: the local validator could not judge now.
        left: not reached, because new work came in.
        interrupted_by: what that was; None when everything was reached.
    """

    scored: dict[int, float] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    unavailable: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    interrupted_by: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether every file has a score that can have one now or later."""
        return not self.left and not self.unavailable

    @property
    def left_out(self) -> int:
        """Files that have no score still."""
        return len(self.missing) + len(self.changed) + len(self.unavailable) + len(self.left)
