"""How much the generation server takes on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """How much the server takes on.

    Attributes:
        queue: jobs that may wait behind the one under way.
        deadline_s: longest time from a request to its model.
        idle_unload_s: models are unloaded when nothing was asked for so long.
    """

    queue: int = 8
    deadline_s: float = 300.0
    idle_unload_s: float = 900.0
