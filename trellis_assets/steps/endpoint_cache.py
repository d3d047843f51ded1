"""Look at the endpoints as often as is cheap: a thousand take longer to read than a poller rests."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.tasks import TaskState
from trellis_assets.ports import Store
from trellis_assets.system.adaptive_cache import AdaptiveCache

# Reading takes no more than a tenth of the time.
SPARED = 10
# What is read faster than this is read each time.
CHEAP_S = 0.005


@dataclass(slots=True)
class EndpointCache:
    """Remembers the endpoints while reading them anew would cost too much.

    What is remembered knows when each generation is expected to end, so that it says for a while what
    will be free. It cannot say what was begun since: `begun_since` counts that.
    """

    store: Store
    names: Sequence[str]
    timer: Callable[[], float] = time.monotonic
    _pool: AdaptiveCache[list[Endpoint]] = field(init=False)

    def __post_init__(self) -> None:
        self._pool = AdaptiveCache([], SPARED, CHEAP_S, self.timer)

    def endpoints(self, now: datetime) -> list[Endpoint]:
        """As they are, or were a moment ago."""
        return self._pool.get(lambda: self.store.endpoints.named(self.names, now))

    def begun_since(self, tasks: Sequence[ActiveTask]) -> int:
        """How many of the tasks are being generated at endpoints that the last look called free."""
        if self._pool.is_fresh:
            return 0
        held = {endpoint.held_by for endpoint in self._pool.value}
        return sum(task.state is TaskState.GENERATING and task.key not in held for task in tasks)
