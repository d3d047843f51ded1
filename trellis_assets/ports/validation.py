"""Local validation: judging models before a validator does, and the stored verdicts."""

from datetime import datetime
from typing import Protocol

from trellis_assets.domain.idle_validation import JudgedCounts
from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict


class ValidationUnavailableError(RuntimeError):
    """The local validator could not judge (service down, nonsense answer): not a verdict."""


class TooCostlyToJudgeError(ValidationUnavailableError):
    """The model is sound as far as known, and judging it would take too long: trying again is no use."""


class LocalValidator(Protocol):
    """Judges a model as the subnet's validators would, before a submission is risked."""

    @property
    def name(self) -> str:
        """Return backend and version, stored with each verdict."""
        ...

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        """Judge the exact bytes that would be submitted.

        Raises:
            TooCostlyToJudgeError: when this model cannot be judged in reasonable time.
            ValidationUnavailableError: when no verdict can be given now.
        """
        ...

    def problem(self) -> str | None:
        """Return why no model could be judged now, found by trying; None if one could."""
        ...


class ValidationRepository(Protocol):
    """Local verdicts on models, and what is still to be judged."""

    def unjudged(self, miner_hotkey: str, start: datetime, end: datetime) -> dict[int, datetime]:
        """Return the miner's finished tasks generated in start..end (excluded) whose file has no local score.

        By key, when each was generated; in the order they came.
        """
        ...

    def judged_counts(self, miner_hotkey: str, start: datetime, end: datetime) -> JudgedCounts:
        """Count how the miner's models generated in start..end (excluded) stand."""
        ...

    def record_idle(self, key: int, verdict: Verdict) -> bool:
        """Store the verdict; it is the task's score where there was none. Return whether it is new."""
        ...
