"""The local verdict on a model: checks that a validator would fail it for, and scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the local validator says of a model.

    Attributes:
        validator: which local validator and version gave it.
        score: 0 to 1 as the subnet's score; 0 when a check failed.
        parts: every part of the score by name (for example iqa, alignment, ssim, lpips).
        failed_checks: sentences, one per failed data check; empty when all passed.
    """

    validator: str
    score: float
    started_at: datetime
    duration_s: float
    parts: Mapping[str, float] = field(default_factory=dict)
    failed_checks: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Return whether every data check passed."""
        return not self.failed_checks
