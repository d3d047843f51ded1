"""Keep pulling: validators are asked as soon as they are due and the generator has room."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from trellis_assets.steps.poll_validators import LOOK_S, PROMPT_ANSWER, PollReport, PollValidatorsStep

# The store is looked at again after so long at the most, while there is nothing to expect.
IDLE_REST_S = 0.5
# Without any list of validators a round waits so long for the first one.
FIRST_LIST_S = 2.0
# Tasks whose run died wait for a lease of half a minute anyway.
DISPATCH_EVERY_S = 1.0
PROMPT_ANSWER_S = PROMPT_ANSWER.total_seconds()


@dataclass(slots=True)
class _Poll:
    """A poll under way, with a report of its own: it may end after the round that began it."""

    task: asyncio.Task[None]
    since: float
    report: PollReport


@dataclass(slots=True)
class PollingLoop:
    """The polling loop.

    Attributes:
        pull: asks validators.
        dispatch: starts a run for every task without one; called when a task came, and every second.
        report: of all polls that ended since it was last taken away.
    """

    pull: PollValidatorsStep
    dispatch: Callable[[], object]
    report: PollReport = field(default_factory=PollReport)
    _polls: dict[str, _Poll] = field(default_factory=dict)
    _dispatched_at: float = 0.0
    _has_new_task: bool = False
    _refreshing: asyncio.Future[None] | None = None

    async def round(self, *, may_poll: bool = True) -> None:
        """Ask who is due; return when an answer came, or after a rest.

        A slow validator is waited for beside all others. A task's run is started in the round in
        which its answer comes, however many rounds ago the validator was asked.

        Args:
            may_poll: False: nobody is asked, but runs are started and answers under way are taken.

        Raises:
            MetagraphError, StoreError: and the polls under way go on.
        """
        if may_poll:
            await self._refresh_validators()
            self._ask()
        else:
            self.report.next_due_in_s = IDLE_REST_S
        await self._rest()
        failures = self._gather()
        self._dispatch_when_needed()
        for failure in failures:
            raise failure

    async def _refresh_validators(self) -> None:
        """A chain takes seconds to read, or half a minute to fail: that goes on beside the polls."""
        listing = self.pull.listing
        if self._refreshing is None and listing.is_old():
            self._refreshing = _in_daemon_thread(listing.refresh)
        if self._refreshing is not None and not listing.validators():
            await asyncio.wait([self._refreshing], timeout=FIRST_LIST_S)
        if self._refreshing is not None and self._refreshing.done():
            done, self._refreshing = self._refreshing, None
            await done

    def _ask(self) -> None:
        now = time.monotonic()
        pending_polls = sum(now - poll.since < PROMPT_ANSWER_S for poll in self._polls.values())
        for validator in self.pull.to_poll(self.report, self._polls, pending_polls=pending_polls):
            report = PollReport()
            task = asyncio.create_task(self.pull.ask(validator, report))
            self._polls[validator.hotkey] = _Poll(task, now, report)

    async def finish(self) -> None:
        """Wait for all polls under way; what they gave is in the store, and its runs are started.

        Raises:
            MetagraphError, StoreError: the first that a poll raised.
        """
        if self._polls:
            await asyncio.wait([poll.task for poll in self._polls.values()])
        failures = self._gather()
        if self._has_new_task:
            self._dispatch_when_needed()
        for failure in failures:
            raise failure

    def take_report(self) -> PollReport:
        """What happened since the last call."""
        taken, self.report = self.report, PollReport()
        return taken

    def _dispatch_when_needed(self) -> None:
        now = time.monotonic()
        if self._has_new_task or now - self._dispatched_at >= DISPATCH_EVERY_S:
            self.dispatch()
            self._dispatched_at, self._has_new_task = now, False

    async def _rest(self) -> None:
        due_in_s = self.report.next_due_in_s
        rest_s = LOOK_S if due_in_s is None else min(max(due_in_s, LOOK_S), IDLE_REST_S)
        if not self._polls:
            await asyncio.sleep(rest_s)
            return
        polls = [poll.task for poll in self._polls.values()]
        await asyncio.wait(polls, timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)

    def _gather(self) -> list[BaseException]:
        """Add what ended polls report to the step's report; return what they raised."""
        ended = [hotkey for hotkey, poll in self._polls.items() if poll.task.done()]
        polls = [self._polls.pop(hotkey) for hotkey in ended]
        for poll in polls:
            self.report.add(poll.report)
            self._has_new_task |= bool(poll.report.new_tasks)
        return [failure for poll in polls if (failure := poll.task.exception()) is not None]


def _in_daemon_thread(call: Callable[[], None]) -> asyncio.Future[None]:
    """Run the call in a thread that no process waits for when it ends."""
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            call()
            outcome.set_result(None)
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            outcome.set_exception(error)

    threading.Thread(target=run, name="metagraph", daemon=True).start()
    return asyncio.wrap_future(outcome)
