"""Steps that keep the store consistent and its size bounded."""

from trellis_assets.composition.steps import Steps
from trellis_assets.ports import Ledger
from trellis_assets.steps.check_consistency import CheckConsistencyStep
from trellis_assets.steps.maintain import MaintainStep


class MaintenanceSteps(Steps):
    """Delete what retention does not keep, and check the task table."""

    @property
    def ledger(self) -> Ledger:
        """Return the store as tables."""
        return self._adapters.ledger

    def maintain_step(self) -> MaintainStep:
        """Return the step that deletes what retention does not keep."""
        from trellis_assets.adapters.storage.retention_store import SqlRetentionStore

        parts, settings = self._adapters, self.settings
        policy = settings.retention.policy(settings.generation.duplicate_window)
        return MaintainStep(SqlRetentionStore(parts.database.engine), parts.files, parts.clock, policy)

    def check_consistency_step(self) -> CheckConsistencyStep:
        """Return the checks of the task table and the model files."""
        from trellis_assets.adapters.storage.consistency_store import SqlConsistencyStore

        parts = self._adapters
        return CheckConsistencyStep(
            SqlConsistencyStore(parts.database.engine),
            parts.files,
            parts.clock,
            self.settings.generation.duplicate_window,
        )
