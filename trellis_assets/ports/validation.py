"""What judges models here, before a validator does."""

from typing import Protocol

from trellis_assets.domain.tasks import TaskKind
from trellis_assets.domain.verdicts import Verdict


class ValidationUnavailableError(RuntimeError):
    """The local validator could not judge (service down, nonsense answer): not a verdict."""


class LocalValidator(Protocol):
    """Judges a model as the subnet's validators would, before a submission is risked."""

    @property
    def name(self) -> str:
        """Backend and version, stored with each verdict."""
        ...

    def validate(self, spz: bytes, *, prompt: str, kind: TaskKind) -> Verdict:
        """The verdict on the exact bytes that would be submitted.

        Raises:
            ValidationUnavailableError: when no verdict can be given now.
        """
        ...
