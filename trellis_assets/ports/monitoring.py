"""What monitoring needs from the store."""

from datetime import datetime
from typing import Protocol

from trellis_assets.domain.monitoring import MonitoringFacts


class MonitoringRepository(Protocol):
    """Everything that is exported as metrics, read in milliseconds however many tasks there are."""

    def facts(self, now: datetime) -> MonitoringFacts:
        """Return what is exported, of one consistent state of the store.

        Raises:
            StoreError: the store does not answer.
        """
        ...
