"""Whether the server can make models: it tries at its start, and says so before the first task."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from trellis_assets.domain.backoff import BackoffPolicy
from trellis_assets.domain.tasks import printable
from trellis_assets.ports import BrokenGpuError, GenerationError, PromptRefusedError
from trellis_assets.servers.generation.jobs import Jobs
from trellis_assets.system.compat import UTC, StrEnum

_log = logging.getLogger(__name__)

# Between two tries to load: growing where the fault may pass, and long where it lasts.
TRANSIENT_BACKOFF = BackoffPolicy.doubling(5, 120, jitter=0.0)
LASTING_RETRY_S = 300.0
_REASON = 600


class ServerState(StrEnum):
    """What `/health/` answers; only `healthy` has status 200."""

    LOADING = "loading"
    HEALTHY = "healthy"
    FAILED = "failed"


def retry_after_s(failures: int, *, is_transient: bool) -> float:
    """Return the seconds until models are loaded again, after so many failures in a row.

    A hub that cannot be reached is tried after 5, 10, 20, 40, 80, then every 120 s; a missing package
    every 300 s.
    """
    if not is_transient:
        return LASTING_RETRY_S
    return TRANSIENT_BACKOFF.delay(failures).total_seconds()


@dataclass(slots=True)
class Readiness:
    """Loads the models in the background, and again after a lasting fault.

    Attributes:
        jobs: whose backend is loaded.
        is_lazy: models are loaded at the first request instead, and the server counts as healthy before.
        give_up: called when only a new process can help.
    """

    jobs: Jobs
    is_lazy: bool = False
    give_up: Callable[[], None] = lambda: None
    state: ServerState = ServerState.LOADING
    reason: str | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _is_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        if self.is_lazy:
            self.state = ServerState.HEALTHY
        else:
            self._is_wanted.set()

    async def keep_loaded(self) -> None:
        """Load the models whenever that is wanted, and retry with back-off until they are loaded."""
        failures = 0
        while True:
            await self._is_wanted.wait()
            try:
                await self.jobs.load()
            except GenerationError as error:
                failures += 1
                wait_s = retry_after_s(failures, is_transient=error.is_transient)
                self._set(ServerState.FAILED, f"{error} (tried again in {wait_s:.0f} s)")
                if isinstance(error, BrokenGpuError):
                    self.give_up()
                await asyncio.sleep(wait_s)
            else:
                failures = 0
                self._is_wanted.clear()
                self._set(ServerState.HEALTHY, None)

    def note(self, error: GenerationError) -> None:
        """Note a fault of a generation: after a lasting one the models are loaded anew."""
        if error.is_transient or isinstance(error, PromptRefusedError):
            return
        self._set(ServerState.FAILED, str(error))
        if isinstance(error, BrokenGpuError):
            self.give_up()
        self._is_wanted.set()

    def _set(self, state: ServerState, reason: str | None) -> None:
        reason = None if reason is None else printable(reason, _REASON)
        if (state, reason) != (self.state, self.reason):
            _log.log(
                logging.ERROR if reason else logging.INFO, "%s%s", state.value, f": {reason}" * bool(reason)
            )
        if state is not self.state:
            self.since = datetime.now(UTC)
        self.state, self.reason = state, reason
