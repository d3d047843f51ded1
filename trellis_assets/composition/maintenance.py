"""Steps that keep the store consistent and its size bounded."""

from trellis_assets.composition.steps import Steps
from trellis_assets.ports import ReportQueries
from trellis_assets.steps.check_consistency import CheckConsistencyStep
from trellis_assets.steps.maintain import MaintainStep


class MaintenanceSteps(Steps):
    """Delete what retention does not keep, and check the task table."""

    @property
    def ledger(self) -> ReportQueries:
        """Return the store as tables."""
        return self._adapters.ledger

    def maintain_step(self) -> MaintainStep:
        """Return the step that deletes what retention does not keep."""
        parts, settings = self._adapters, self.settings
        policy = settings.retention.policy(settings.generation.duplicate_window)
        return MaintainStep(parts.store.retention, parts.store.candidates, parts.files, parts.clock, policy)

    def check_consistency_step(self) -> CheckConsistencyStep:
        """Return the checks of the task table and the model files."""
        parts = self._adapters
        return CheckConsistencyStep(
            parts.store.consistency,
            parts.store.statistics,
            parts.files,
            parts.clock,
            self.settings.generation.duplicate_window,
        )
