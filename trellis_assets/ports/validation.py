"""What judges models here, before a validator does."""

from typing import Protocol

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
        """Backend and version, stored with each verdict."""
        ...

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        """The verdict on the exact bytes that would be submitted.

        Raises:
            TooCostlyToJudgeError: when this model cannot be judged in reasonable time.
            ValidationUnavailableError: when no verdict can be given now.
        """
        ...

    def problem(self) -> str | None:
        """Return why no model could be judged now, found by trying; None if one could."""
        ...
