"""Progress of a session: follow its tasks until they are done, and drain them after a stop."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trellis_assets.domain.tasks import TaskState, printable
from trellis_assets.ports import Store, StoreError, StoreGoneError
from trellis_assets.settings import Settings
from trellis_assets.supervisor.processes import ChildProcess
from trellis_assets.supervisor.stop_signal import StopSignal
from trellis_assets.system.expiring_cache import AdaptiveCache

CHECK_INTERVAL_S = 0.5
# A poll that was under way when a stop was requested may still bring a task.
LAST_POLLS_S = 3.0
# Counting takes longer the more tasks there are: it may take a fiftieth of the time.
TIMES_CHEAPER = 50


@dataclass(slots=True)
class SessionProgress:
    """Follows the session of `settings`.

    Attributes:
        hotkey: of the miner whose active tasks are waited for.
        say: called with each line of progress.
        supervise: called at each check: says what fails, and replaces what is stuck.
    """

    settings: Settings
    store: Store
    hotkey: str
    say: Callable[[str], None]
    supervise: Callable[[], None] = lambda: None
    _last: str = ""
    _draining_since: float | None = None
    _counts: AdaptiveCache[dict[TaskState, int]] = field(
        default_factory=lambda: AdaptiveCache({}, TIMES_CHEAPER)
    )

    def until_done(self, children: Sequence[ChildProcess], stop: StopSignal) -> None:
        """Return when all tasks of the session are final, or a stop was requested and they are drained.

        Dead children are restarted meanwhile. A store that does not answer for a while does not end the
        session: every process waits for it.

        Raises:
            StoreGoneError: the store's file was deleted or replaced.
        """
        while True:
            self.supervise()
            for child in children:
                if child.restart_if_dead():
                    self.say(f"{child.name} died and was restarted. See {child.log}.")
            try:
                if self._is_done(stop.count):
                    return
            except StoreGoneError:
                raise  # it does not come back: what is written from now on would be lost
            except StoreError as error:
                self._say_once(f"waiting for the store: {printable(str(error), 500)}")
                if stop.count > 1:
                    self.say("Stopped. Unfinished tasks continue at the next start.")
                    return
            time.sleep(CHECK_INTERVAL_S)

    def _is_done(self, stops: int) -> bool:
        assert self.settings.mining.session_id is not None
        limit = self.settings.mining.task_limit
        counts = self._counts.get(
            lambda: self.store.statistics.count_by_state(self.settings.mining.session_id)
        )
        active = self.store.tasks.active(self.hotkey)
        self._say_once(describe(counts, limit))
        if limit is not None and not active and sum(counts.values()) >= limit:
            return True
        if stops and self._draining_since is None:
            self.store.sessions.drain(self.settings.mining.session_id, datetime.now(UTC))
            self._draining_since = time.monotonic()
            self.say(f"Stopping: {len(active)} active tasks are finished first (Ctrl-C again stops at once).")
        if self._draining_since is None:
            return False
        waited_s = time.monotonic() - self._draining_since
        left = [task for task in active if task.state is not TaskState.UNSETTLED]
        is_drained = not left and waited_s >= LAST_POLLS_S
        if stops > 1 or is_drained or waited_s > self.settings.mining.stop_timeout_s:
            self.say(f"Stopped. {len(left)} unfinished tasks continue at the next start.")
            return True
        return False

    def _say_once(self, line: str) -> None:
        if line != self._last:
            self.say(line)
            self._last = line


def describe(counts: dict[TaskState, int], limit: int | None) -> str:
    """Return the session's tasks by state in one line.

    Example:
        {ACCEPTED: 3, GENERATING: 1} with a limit of 20 gives "tasks 4/20: 1 generating, 3 accepted".
    """
    pulled = sum(counts.values())
    of = f"/{limit}" if limit is not None else ""
    states = ", ".join(f"{counts[s]} {s}" for s in TaskState if counts.get(s))
    return f"tasks {pulled}{of}: {states or 'none yet'}"
