"""Pull: every validator that is due has been asked, and what it gave is in the store."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from trellis_assets.domain.scheduling.poll_spacing import PollSpacing
from trellis_assets.domain.scheduling.prefetch import (
    ActiveTask,
    Pace,
    competing_tasks,
    lead_s,
    poll_count,
    prefetch_count,
    task_share,
    waiting_tasks,
)
from trellis_assets.domain.tasks import TaskState
from trellis_assets.domain.validators import EligibilityPolicy, Validator, due_validators
from trellis_assets.ports import (
    Clock,
    NotRegistered,
    Store,
    TaskAssigned,
    ValidatorNetwork,
)
from trellis_assets.steps.endpoint_cache import EndpointCache
from trellis_assets.steps.handle_poll_response import HandlePollResponseStep
from trellis_assets.steps.metagraph_cache import MetagraphCache
from trellis_assets.steps.refresh_validators import MetagraphPolicy

# The store is looked at so often while tasks are in hand.
LOOK_S = 0.05
# A validator that has not answered by then holds back nobody's task any more.
PROMPT_ANSWER = timedelta(seconds=1)
_PULLS_REMEMBERED = 20
# Validators are asked in turn for so long, while none has a task.
ROUND_S = 2.0


@dataclass(frozen=True, slots=True)
class PollingPolicy:
    """Settings of this step.

    Attributes:
        eligibility: which neurons are polled.
        spacing: pauses between two polls of one validator.
        metagraph_age: refresh the list of validators when it is older.
        max_waiting: pull no more while this many tasks wait for a generation.
        endpoints: names of the generation endpoints; each makes one model at a time.
        cadence: how long it takes until the next round of pulls, and until a run can be started.
        task_limit: no more than this many tasks in the session; None: no limit.
    """

    eligibility: EligibilityPolicy
    spacing: PollSpacing
    metagraph_age: timedelta
    max_waiting: int
    endpoints: Sequence[str] = ("",)
    cadence: timedelta = timedelta(0)
    task_limit: int | None = None
    session_id: int | None = None
    metagraph: MetagraphPolicy = field(default_factory=MetagraphPolicy)


@dataclass(slots=True)
class PollReport:
    """What pulls did: validators by answer, and the tasks that are new.

    `problem` says why nobody can be polled; None where somebody can be.
    """

    polled: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    new_tasks: list[int] = field(default_factory=list)
    next_due_in_s: float | None = None
    problem: str | None = None

    def count(self, answer: str) -> None:
        """One more validator gave this answer."""
        self.answers[answer] = self.answers.get(answer, 0) + 1

    def add(self, more: "PollReport") -> None:
        """Count what another report counted too; when the next validator is due stays as it is."""
        self.polled += more.polled
        for answer, count in more.answers.items():
            self.answers[answer] = self.answers.get(answer, 0) + count
        self.new_tasks += more.new_tasks


@dataclass(slots=True)
class PollValidatorsStep:
    """The step with what it works on. It remembers how long pulls took, and whether they brought a task."""

    store: Store
    network: ValidatorNetwork
    clock: Clock
    policy: PollingPolicy
    _took_s: deque[float] = field(default_factory=lambda: deque(maxlen=_PULLS_REMEMBERED))
    _brought_task: deque[bool] = field(default_factory=lambda: deque(maxlen=_PULLS_REMEMBERED))
    listing: MetagraphCache = field(init=False)
    _look: EndpointCache = field(init=False)
    _answer: HandlePollResponseStep = field(init=False)

    def __post_init__(self) -> None:
        age = self.policy.metagraph_age
        self.listing = MetagraphCache(self.store, self.network, self.clock, age, self.policy.metagraph)
        self._look = EndpointCache(self.store, self.policy.endpoints)
        self._answer = HandlePollResponseStep(
            self.store,
            self.network,
            self.clock,
            spacing=self.policy.spacing,
            session_id=self.policy.session_id,
        )

    async def run(self) -> PollReport:
        """Validators were asked, as many at once as there is room for; each answer was stored as it came.

        While none has a task, the next ones are asked, for `ROUND_S` and as long as the last of them takes.

        Raises:
            MetagraphError: no list of validators can be had, with what to do.
            StoreError: an answer could not be stored; the validator serves its task again.
        """
        report = PollReport()
        if self.listing.is_old():
            self.listing.refresh()
        ends_at = time.monotonic() + ROUND_S
        while polls := [self.ask(validator, report) for validator in self.to_poll(report)]:
            # Each poll is heard to its end, for it may bring a task: what one could not store is told after.
            for failure in await asyncio.gather(*polls, return_exceptions=True):
                if isinstance(failure, BaseException):
                    raise failure
            if report.new_tasks or time.monotonic() >= ends_at:
                break
        return report

    def to_poll(
        self, report: PollReport, polling: Collection[str] = (), *, pending_polls: int = 0
    ) -> list[Validator]:
        """Validators to ask now, the best first.

        Args:
            report: gets when the next one is due.
            polling: hotkeys that are being asked.
            pending_polls: how many of them may answer any moment.

        Raises:
            MetagraphError: no list of validators can be had, with what to do.
        """
        report.problem = self.listing.problem()
        if report.problem is not None:
            report.next_due_in_s = None
            return []
        active_tasks = self.store.tasks.active(self.network.miner_hotkey)
        unsettled_validators = {t.validator_hotkey for t in active_tasks if t.state is TaskState.UNSETTLED}
        room = self._room(active_tasks, polling, pending_polls)
        if room == 0 and not unsettled_validators:
            report.next_due_in_s = None
            return []
        due = self._due(active_tasks, polling, report)
        # Who owes the word on an unsettled task gives it again or a cooldown: that needs no room.
        others = [v for v in due if v.hotkey not in unsettled_validators]
        return [*(v for v in due if v.hotkey in unsettled_validators), *others[:room]]

    def _due(
        self, active_tasks: list[ActiveTask], polling: Collection[str], report: PollReport
    ) -> list[Validator]:
        """Validators to ask: none that waits for a task we hold, for it would only repeat it."""
        me, now = self.network.miner_hotkey, self.clock.now()
        times = self.store.polls.times(me)
        holding = {t.validator_hotkey for t in active_tasks if t.state is not TaskState.UNSETTLED}
        idle = [v for v in self.listing.validators() if v.hotkey not in holding and v.hotkey not in polling]
        spacing = self.policy.spacing
        known = [times[v.hotkey] for v in idle if v.hotkey in times]
        waits = [(t.due_at(now, spacing) or now) - now for t in known]
        report.next_due_in_s = min((w.total_seconds() for w in waits), default=None)
        return due_validators(idle, times, self.policy.eligibility, me, now, spacing=spacing)

    def _room(self, active_tasks: list[ActiveTask], polling: Collection[str], pending_polls: int) -> int:
        """How many validators to ask now."""
        now = self.clock.now()
        endpoints = self._look.endpoints(now)
        lead = lead_s(
            self.store.durations.start_s(), self._took_s, self.policy.cadence.total_seconds() + LOOK_S
        )
        pace = Pace(self.store.durations.generation_s(), lead)
        wanted = prefetch_count(active_tasks, endpoints, pace=pace, now=now) - self._look.begun_since(
            active_tasks
        )
        if wanted > 0:
            # Other miners of the store may have a task for each of these endpoints already.
            others = self.store.shared_demand.of_other_miners(
                self.network.miner_hotkey, now, now - PROMPT_ANSWER
            )
            wanted -= competing_tasks(others, self.policy.endpoints)
        share = task_share(self._brought_task)
        room = (
            poll_count(wanted, share, self.policy.max_waiting - waiting_tasks(active_tasks)) - pending_polls
        )
        if self.policy.task_limit is not None:
            pulled = sum(self.store.statistics.count_by_state(self.policy.session_id).values())
            room = min(room, self.policy.task_limit - pulled - len(polling))
        return max(0, room)

    async def ask(self, validator: Validator, report: PollReport) -> None:
        """The validator was asked, and its answer acted on; nothing if another process asks it."""
        me, now = self.network.miner_hotkey, self.clock.now()
        spacing = self.policy.spacing
        if not self.store.polls.begin(
            me,
            validator.hotkey,
            next_poll_at=now + spacing.pause(0, random.random()),
            now=now,
            max_backoff=spacing.maximum,
            session_id=self.policy.session_id,
        ):
            return
        report.polled += 1
        started = time.monotonic()
        answer = await self.network.pull(validator)
        report.count(type(answer).__name__)
        if isinstance(answer, NotRegistered):
            self.listing.doubt_registration()
        self._brought_task.append(isinstance(answer, TaskAssigned))
        if isinstance(answer, TaskAssigned):
            self._took_s.append(time.monotonic() - started)
        new_task = await self._answer.run(validator, answer)
        if new_task is not None:
            report.new_tasks.append(new_task)
