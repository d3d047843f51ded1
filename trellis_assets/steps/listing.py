"""The list of validators between two looks at the metagraph: an outage of the chain stops no mining."""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from trellis_assets.audit import audit
from trellis_assets.domain.clocks import elapsed
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import Clock, MetagraphError, TaskStore, ValidatorNetwork
from trellis_assets.steps.refresh_validators import RefreshValidatorsStep

# The stored list is read again after so long: somebody else may have refreshed it.
KEPT_S = 5.0
# A chain that could not be asked is left alone for so long.
TRY_AGAIN_S = 60.0


@dataclass(slots=True)
class ValidatorListing:
    """The stored metagraph, at most `longest_age` old while it can be refreshed."""

    store: TaskStore
    network: ValidatorNetwork
    clock: Clock
    longest_age: timedelta
    _read: tuple[float, list[Validator], bool] | None = None
    _not_before: float = 0.0

    def validators(self) -> list[Validator]:
        """The last list that was stored; empty before the first."""
        return self._look()[1]

    def is_old(self) -> bool:
        """Whether the metagraph is to be asked for."""
        return self._look()[2] and time.monotonic() >= self._not_before

    def refresh(self) -> None:
        """The metagraph of now is stored. Where it cannot be had, the list that is there goes on to serve.

        Raises:
            MetagraphError: there is no list yet, with what to do.
        """
        try:
            RefreshValidatorsStep(self.store, self.network, self.clock).run()
        except MetagraphError as error:
            if not self.validators():
                raise
            self._not_before = time.monotonic() + TRY_AGAIN_S
            audit("metagraph not refreshed", level=logging.WARNING, reason=str(error))
        self._read = None

    def _look(self) -> tuple[float, list[Validator], bool]:
        if self._read is None or time.monotonic() - self._read[0] >= KEPT_S:
            listed, saved_at = self.store.listed_validators()
            is_old = saved_at is None or elapsed(saved_at, self.clock.now()) >= self.longest_age
            self._read = (time.monotonic(), listed, is_old)
        return self._read
