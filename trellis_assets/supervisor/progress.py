"""Progress of a session: follow its tasks until they are done, and drain them after a stop."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from trellis_assets.domain.scheduling.prefetch import ActiveTask
from trellis_assets.domain.session_view import SessionView, task_end
from trellis_assets.domain.tasks import TaskState, is_final, printable
from trellis_assets.ports import Store, StoreError, StoreGoneError
from trellis_assets.settings import Settings
from trellis_assets.steps.read_session_view import ReadSessionViewStep
from trellis_assets.supervisor.processes import ChildProcess
from trellis_assets.supervisor.session_output import SessionOutput
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
        output: shows the session.
        details: reads what the output shows besides the counts.
        supervise: called at each check: says what fails, and replaces what is stuck.
    """

    settings: Settings
    store: Store
    hotkey: str
    output: SessionOutput
    details: ReadSessionViewStep | None = None
    supervise: Callable[[], None] = lambda: None
    _in_hand: frozenset[int] = frozenset()
    _view: AdaptiveCache[SessionView | None] = field(
        default_factory=lambda: AdaptiveCache(None, TIMES_CHEAPER)
    )
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
                    self.output.say(f"{child.name} died and was restarted. See {child.log}.")
            try:
                if self._is_done(stop.count):
                    return
            except StoreGoneError:
                raise  # it does not come back: what is written from now on would be lost
            except StoreError as error:
                self._say_once(f"waiting for the store: {printable(str(error), 500)}")
                if stop.count > 1:
                    self.output.say("Stopped. Unfinished tasks continue at the next start.")
                    return
            time.sleep(CHECK_INTERVAL_S)

    def _is_done(self, stops: int) -> bool:
        assert self.settings.mining.session_id is not None
        limit = self.settings.mining.task_limit
        counts = self._counts.get(
            lambda: self.store.statistics.count_by_state(self.settings.mining.session_id)
        )
        active = self.store.tasks.active(self.hotkey)
        self._note_ends(active)
        self._show(counts, active)
        if limit is not None and not active and sum(counts.values()) >= limit:
            return True
        if stops and self._draining_since is None:
            self.store.sessions.drain(self.settings.mining.session_id, datetime.now(UTC))
            self._draining_since = time.monotonic()
            self.output.say(
                f"Stopping: {len(active)} active tasks are finished first (Ctrl-C again stops at once)."
            )
        if self._draining_since is None:
            return False
        waited_s = time.monotonic() - self._draining_since
        left = [task for task in active if task.state is not TaskState.UNSETTLED]
        is_drained = not left and waited_s >= LAST_POLLS_S
        if stops > 1 or is_drained or waited_s > self.settings.mining.stop_timeout_s:
            self.output.say(f"Stopped. {len(left)} unfinished tasks continue at the next start.")
            return True
        return False

    def _note_ends(self, active: Sequence[ActiveTask]) -> None:
        """Note the tasks that ended since the last look."""
        in_hand = frozenset(task.key for task in active)
        for key in sorted(self._in_hand - in_hand):
            task = self.store.tasks.get(key)
            if is_final(task.state):
                self.output.note(task_end(task, datetime.now(UTC)))
        self._in_hand = in_hand

    def _show(self, counts: dict[TaskState, int], active: Sequence[ActiveTask]) -> None:
        limit, details = self.settings.mining.task_limit, self.details
        view = SessionView(datetime.now(UTC), counts, limit, active=tuple(active))
        if details is not None and self.output.wants_details:
            read = self._view.get(lambda: details.run(counts, limit, active)) or view
            view = replace(read, at=view.at, counts=counts, active=view.active)
        self.output.show(view)

    def _say_once(self, line: str) -> None:
        if line != self._last:
            self.output.say(line)
            self._last = line
