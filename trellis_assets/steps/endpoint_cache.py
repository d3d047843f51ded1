"""Endpoint cache: reads the endpoints as often as is cheap, since to read a thousand takes a while."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.tasks import TaskState
from trellis_assets.ports import EndpointRepository
from trellis_assets.system.expiring_cache import AdaptiveCache

# Reading takes at most a tenth of the time.
TIMES_CHEAPER = 10
# What is read faster than this is read each time.
CHEAP_S = 0.005


@dataclass(slots=True)
class EndpointCache:
    """Keep the endpoints while to read them again would cost too much.

    The copy tells when each generation is expected to end, and so for a while which endpoints will be free.
    It does not tell which generations started since: `begun_since` counts these.
    """

    stored: EndpointRepository
    names: Sequence[str]
    timer: Callable[[], float] = time.monotonic
    _pool: AdaptiveCache[list[Endpoint]] = field(init=False)

    def __post_init__(self) -> None:
        self._pool = AdaptiveCache([], TIMES_CHEAPER, CHEAP_S, self.timer)

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints as they are, or were a moment ago."""
        return self._pool.get(lambda: self.stored.named(self.names))

    def begun_since(self, tasks: Sequence[ActiveTask]) -> int:
        """Return how many of the tasks are being generated at endpoints that the copy calls free."""
        if self._pool.is_fresh:
            return 0
        held = {endpoint.held_by for endpoint in self._pool.value}
        return sum(task.state is TaskState.GENERATING and task.key not in held for task in tasks)
