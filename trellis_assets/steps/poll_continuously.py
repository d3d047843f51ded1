"""Polling loop: polls each validator as soon as it is due and the generator has room."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from trellis_assets.steps.poll_validators import POLL_CHECK_S, PROMPT_ANSWER, PollReport, PollValidatorsStep

# Longest pause between two checks for validators that are due, in seconds, while nothing is expected.
IDLE_REST_S = 0.5
# Seconds that a round waits for the first list of validators.
FIRST_LIST_S = 2.0
# A task whose run died waits for the end of its lease, half a minute, anyway.
DISPATCH_EVERY_S = 1.0
PROMPT_ANSWER_S = PROMPT_ANSWER.total_seconds()


@dataclass(slots=True)
class _Poll:
    """A poll under way, with its own report: it may end after the round that started it."""

    task: asyncio.Task[None]
    since: float
    report: PollReport


@dataclass(slots=True)
class PollingLoop:
    """The polling loop.

    Attributes:
        step: polls validators.
        dispatch: starts a run for every task without one; called when a task came, and every second.
        report: of all polls that ended since `take_report` was called last.
    """

    step: PollValidatorsStep
    dispatch: Callable[[], object]
    report: PollReport = field(default_factory=PollReport)
    _polls: dict[str, _Poll] = field(default_factory=dict)
    _dispatched_at: float = 0.0
    _has_new_task: bool = False
    _refreshing: asyncio.Future[None] | None = None

    async def round(self, *, may_poll: bool = True) -> None:
        """Poll the validators that are due; return when one answers, or after a pause.

        A slow validator delays no other. A task's run is started in the round in which its answer comes,
        however many rounds ago the poll was started.

        Args:
            may_poll: False: no validator is polled, but runs are started and responses under way are taken.

        Raises:
            MetagraphError, StoreError: the polls under way go on.
        """
        if may_poll:
            await self._refresh_validators()
            self._start_polls()
        else:
            self.report.next_due_in_s = IDLE_REST_S
        await self._rest()
        failures = self._gather()
        self._dispatch_when_needed()
        for failure in failures:
            raise failure

    async def _refresh_validators(self) -> None:
        """Read the metagraph beside the polls: a chain takes seconds to read, or half a minute to fail."""
        cache = self.step.metagraph_cache
        if self._refreshing is None and cache.is_old():
            self._refreshing = _in_daemon_thread(cache.refresh)
        if self._refreshing is not None and not cache.validators():
            await asyncio.wait([self._refreshing], timeout=FIRST_LIST_S)
        if self._refreshing is not None and self._refreshing.done():
            done, self._refreshing = self._refreshing, None
            await done

    def _start_polls(self) -> None:
        now = time.monotonic()
        pending_polls = sum(now - poll.since < PROMPT_ANSWER_S for poll in self._polls.values())
        for validator in self.step.to_poll(self.report, self._polls, pending_polls=pending_polls):
            report = PollReport()
            task = asyncio.create_task(self.step.poll(validator, report))
            self._polls[validator.hotkey] = _Poll(task, now, report)

    async def finish(self) -> None:
        """Wait for all polls under way, store what they bring, and start its runs.

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
        """Return what happened since the last call."""
        taken, self.report = self.report, PollReport()
        return taken

    def _dispatch_when_needed(self) -> None:
        now = time.monotonic()
        if self._has_new_task or now - self._dispatched_at >= DISPATCH_EVERY_S:
            self.dispatch()
            self._dispatched_at, self._has_new_task = now, False

    async def _rest(self) -> None:
        due_in_s = self.report.next_due_in_s
        rest_s = POLL_CHECK_S if due_in_s is None else min(max(due_in_s, POLL_CHECK_S), IDLE_REST_S)
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
