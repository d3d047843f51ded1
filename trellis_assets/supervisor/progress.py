"""Watching a session: its processes live, its tasks come to their end, a stop is heard."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType

from trellis_assets.domain.tasks import TaskState, printable
from trellis_assets.ports import StoreError, StoreGoneError, TaskStore
from trellis_assets.settings import Settings
from trellis_assets.supervisor.processes import Child
from trellis_assets.system.adaptive_cache import AdaptiveCache

CHECK_INTERVAL_S = 0.5
# Polls that were under way when a stop was asked may still bring a task.
LAST_POLLS_S = 3.0
# Counting takes longer the more tasks there are, and is done as rarely: a fiftieth of the time.
TIMES_CHEAPER = 50


class StopRequestedError(BaseException):
    """A stop was asked before mining began: nothing is in hand that would have to be finished."""


_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class StopSignal:
    """Set by SIGINT, SIGTERM and SIGHUP: once to finish the work in hand, twice to leave at once.

    SIGHUP comes when the terminal is closed.
    """

    count: int = 0
    _interrupts: bool = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._interrupts:
            raise StopRequestedError

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let a stop end the block at once, whatever it waits for.

        Raises:
            StopRequestedError: a stop was asked, or had been before.
        """
        self._interrupts = True
        try:
            if self.count:
                raise StopRequestedError
            yield
        finally:
            self._interrupts = False

    @contextmanager
    def listening(self) -> Iterator["StopSignal"]:
        """Signals count until the block ends."""
        before = {n: signal.signal(n, self._handle) for n in _STOPS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(slots=True)
class SessionProgress:
    """What is known of the session of `settings`.

    Attributes:
        hotkey: whose tasks are waited for.
        say: called with each line of progress.
        supervise: called at each look: tells what fails, and replaces what is stuck.
    """

    settings: Settings
    store: TaskStore
    hotkey: str
    say: Callable[[str], None]
    supervise: Callable[[], None] = lambda: None
    _last: str = ""
    _draining_since: float | None = None
    _counts: AdaptiveCache[dict[TaskState, int]] = field(
        default_factory=lambda: AdaptiveCache({}, TIMES_CHEAPER)
    )

    def until_done(self, children: Sequence[Child], stop: StopSignal) -> None:
        """Return when the session's tasks are all final, or a stop was asked and the work is done.

        A store that is away for a while ends nothing: the others wait for it too.

        Raises:
            StoreGoneError: the store's file was deleted or replaced.
        """
        while True:
            self.supervise()
            for child in children:
                if child.keep_alive():
                    self.say(f"{child.name} had died and was started again: see {child.log}")
            try:
                if self._is_done(stop.count):
                    return
            except StoreGoneError:
                raise  # it does not come back: what is written now would be lost
            except StoreError as error:
                self._tell(f"waiting for the store: {printable(str(error), 500)}")
                if stop.count > 1:
                    self.say("stopped; what is unfinished is carried on at the next start")
                    return
            time.sleep(CHECK_INTERVAL_S)

    def _is_done(self, stops: int) -> bool:
        assert self.settings.mining.session_id is not None
        limit = self.settings.mining.task_limit
        counts = self._counts.get(lambda: self.store.count_by_state(self.settings.mining.session_id))
        unfinished = self.store.active_tasks(self.hotkey)
        self._tell(progress(counts, limit))
        if limit is not None and not unfinished and sum(counts.values()) >= limit:
            return True
        if stops and self._draining_since is None:
            self.store.drain_session(self.settings.mining.session_id, datetime.now(UTC))
            self._draining_since = time.monotonic()
            self.say(f"stopping: {len(unfinished)} tasks in hand are finished first (again to leave at once)")
        if self._draining_since is None:
            return False
        waited = time.monotonic() - self._draining_since
        left = [t for t in unfinished if t.state is not TaskState.UNSETTLED]
        is_over = (not left and waited >= LAST_POLLS_S) or waited > self.settings.mining.stop_timeout_s
        if stops > 1 or is_over:
            self.say(f"stopped; {len(left)} unfinished tasks are carried on at the next start")
            return True
        return False

    def _tell(self, line: str) -> None:
        if line != self._last:
            self.say(line)
            self._last = line


def progress(counts: dict[TaskState, int], limit: int | None) -> str:
    """The session's tasks in a line."""
    pulled = sum(counts.values())
    of = f"/{limit}" if limit is not None else ""
    states = ", ".join(f"{counts[s]} {s}" for s in TaskState if counts.get(s))
    return f"tasks {pulled}{of}: {states or 'none yet'}"
