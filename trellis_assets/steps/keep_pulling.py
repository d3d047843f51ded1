"""Keep pulling: validators are asked as soon as they are due and the generator has room."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from trellis_assets.steps.pull import LOOK_S, PROMPT_ANSWER, PullReport, PullStep

# The store is looked at again after so long at the most, while there is nothing to expect.
IDLE_REST_S = 0.5
# Tasks whose run died wait for a lease of half a minute anyway.
DISPATCH_EVERY_S = 1.0
PROMPT_ANSWER_S = PROMPT_ANSWER.total_seconds()


@dataclass(slots=True)
class KeepPullingStep:
    """The step with what it works on.

    Attributes:
        pull: asks validators.
        dispatch: starts a run for every task without one; called when a task came, and every second.
        report: of all pulls since it was last taken away.
    """

    pull: PullStep
    dispatch: Callable[[], object]
    report: PullReport = field(default_factory=PullReport)
    _asking: dict[str, tuple[asyncio.Task[None], float]] = field(default_factory=dict)
    _dispatched: tuple[float, int] = (0.0, 0)
    _refreshing: asyncio.Task[None] | None = None

    async def round(self, *, may_ask: bool = True) -> None:
        """Who is due is being asked; return when an answer came, or after a rest.

        A slow validator is waited for beside all others.

        Args:
            may_ask: False: nobody is asked, but runs are started and answers under way are taken.

        Raises:
            MetagraphError, StoreError: and the polls under way go on.
        """
        self._gather()
        if may_ask:
            await self._refresh_validators()
            self._ask()
        else:
            self.report.next_due_in_s = IDLE_REST_S
        await self._rest()
        self._dispatch_when_needed()

    async def _refresh_validators(self) -> None:
        """A chain takes seconds to ask: it is asked beside the polls, but for the first time."""
        listing = self.pull.listing
        if self._refreshing is None and listing.is_old():
            self._refreshing = asyncio.create_task(asyncio.to_thread(listing.refresh))
        if self._refreshing is not None and (self._refreshing.done() or not listing.validators()):
            done, self._refreshing = self._refreshing, None
            await done

    def _ask(self) -> None:
        now = time.monotonic()
        owed = sum(now - since < PROMPT_ANSWER_S for _, since in self._asking.values())
        for validator in self.pull.to_ask(self.report, self._asking, owed=owed):
            poll = asyncio.create_task(self.pull.ask(validator, self.report))
            self._asking[validator.hotkey] = (poll, now)

    async def finish(self) -> None:
        """All polls under way have ended, and what they gave is in the store."""
        if self._asking:
            await asyncio.wait([poll for poll, _ in self._asking.values()])
        self._gather()

    def take_report(self) -> PullReport:
        """What happened since the last call."""
        taken, self.report = self.report, PullReport()
        return taken

    def _dispatch_when_needed(self) -> None:
        now, came = time.monotonic(), len(self.report.new_tasks)
        if self._dispatched[1] != came or now - self._dispatched[0] >= DISPATCH_EVERY_S:
            self.dispatch()
            self._dispatched = (now, came)

    async def _rest(self) -> None:
        due_in_s = self.report.next_due_in_s
        rest_s = LOOK_S if due_in_s is None else min(max(due_in_s, LOOK_S), IDLE_REST_S)
        if not self._asking:
            await asyncio.sleep(rest_s)
            return
        polls = [poll for poll, _ in self._asking.values()]
        await asyncio.wait(polls, timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)

    def _gather(self) -> None:
        """Polls that ended are forgotten; what went wrong in one is raised."""
        ended = [hotkey for hotkey, (poll, _) in self._asking.items() if poll.done()]
        polls = [self._asking.pop(hotkey)[0] for hotkey in ended]
        for poll in polls:
            poll.result()
