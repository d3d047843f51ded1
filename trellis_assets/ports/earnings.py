"""What mining earns and costs, as the store has it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from trellis_assets.domain.earnings.cost import SessionSpan
from trellis_assets.domain.earnings.economy import NeuronRecord
from trellis_assets.domain.earnings.report import Usage


class EarningsRepository(Protocol):
    """Records of our own neuron, and what tasks took. Times are aware UTC; `end` is excluded."""

    def record(self, neuron: NeuronRecord) -> None:
        """Store what was read of our neuron; a later read within the same hour replaces an earlier one."""
        ...

    def latest(self, source: str, miner_hotkey: str) -> NeuronRecord | None:
        """Return the last record; None before the first."""
        ...

    def records(
        self, source: str, miner_hotkey: str, start: datetime, end: datetime
    ) -> Sequence[NeuronRecord]:
        """Return the records of the hours that overlap start..end, oldest first, with the hour before."""
        ...

    def usage_by_validator(self, miner_hotkey: str, start: datetime, end: datetime) -> Sequence[Usage]:
        """Return what tasks that ended in start..end took and brought, by the validator's hotkey."""
        ...

    def usage_by_recipe(self, miner_hotkey: str, start: datetime, end: datetime) -> Sequence[Usage]:
        """Return the same by recipe, of tasks whose candidates are recorded."""
        ...

    def sessions(self, miner_hotkey: str, start: datetime, end: datetime) -> Sequence[SessionSpan]:
        """Return the sessions of the miner that began before `end` and had not ended before `start`."""
        ...
