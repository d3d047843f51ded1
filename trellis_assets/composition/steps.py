"""What the groups of steps share."""

from trellis_assets.composition.adapters import Adapters
from trellis_assets.ports import Clock, Store
from trellis_assets.settings import Settings


class Steps:
    """Steps of one subject over the adapters of the process. Nothing is opened before a step needs it."""

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters

    @property
    def settings(self) -> Settings:
        """Return the settings of this process."""
        return self._adapters.settings

    @property
    def clock(self) -> Clock:
        """Return the clock that the steps read."""
        return self._adapters.clock

    @property
    def store(self) -> Store:
        """Return the open store."""
        return self._adapters.store
