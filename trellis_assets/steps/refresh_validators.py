"""Refresh validators: the metagraph of this moment is in the store."""

from collections.abc import Sequence
from dataclasses import dataclass

from trellis_assets.domain.validators import Validator
from trellis_assets.ports import Clock, TaskStore, ValidatorNetwork


@dataclass(frozen=True, slots=True)
class RefreshValidatorsStep:
    """The step with what it works on."""

    store: TaskStore
    network: ValidatorNetwork
    clock: Clock

    def run(self) -> Sequence[Validator]:
        """All neurons listed now.

        Raises:
            MetagraphError: it cannot be had; what was stored before stays.
        """
        listed = list(self.network.metagraph())
        self.store.save_validators(listed, self.clock.now())
        return listed
