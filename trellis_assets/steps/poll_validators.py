"""Poll validators: choose which are due, send a pull to each, and store what they give."""

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

# Seconds between two checks for validators that are due, while tasks are active.
POLL_CHECK_S = 0.05
# A validator that has not answered by then is no longer expected to bring a task at once.
PROMPT_ANSWER = timedelta(seconds=1)
_PULLS_REMEMBERED = 20
# While no validator has a task, further ones are polled for so long, in seconds.
ROUND_S = 2.0


@dataclass(frozen=True, slots=True)
class PollingPolicy:
    """Which validators are polled, how often, and for how many tasks.

    Attributes:
        eligibility: which neurons are polled.
        spacing: pauses between two polls of one validator.
        metagraph_age: refresh the list of validators when it is older.
        max_waiting: pull no task while this many wait for a generation.
        endpoints: names of the generation endpoints; each makes one model at a time.
        cadence: time until the next round of polls, and until a run can be started.
        task_limit: tasks of the session at most; None: no limit.
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
    """What polls brought.

    Attributes:
        polled: how many validators were polled.
        answers: how many of them answered what, by the name of the response.
        new_tasks: keys of the tasks that are new.
        next_due_in_s: seconds until the next validator is due; None: none is, or there is no room.
        problem: why no validator can be polled; None if one can.
    """

    polled: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    new_tasks: list[int] = field(default_factory=list)
    next_due_in_s: float | None = None
    problem: str | None = None

    def count(self, answer: str) -> None:
        """Count one more validator with this answer."""
        self.answers[answer] = self.answers.get(answer, 0) + 1

    def add(self, more: "PollReport") -> None:
        """Add the counts of another report; `next_due_in_s` stays as it is."""
        self.polled += more.polled
        for answer, count in more.answers.items():
            self.answers[answer] = self.answers.get(answer, 0) + count
        self.new_tasks += more.new_tasks


@dataclass(slots=True)
class PollValidatorsStep:
    """Poll the validators that are due, as many at a time as there is room for.

    It remembers how long the last polls took, and whether they brought a task.
    """

    store: Store
    network: ValidatorNetwork
    clock: Clock
    policy: PollingPolicy
    _took_s: deque[float] = field(default_factory=lambda: deque(maxlen=_PULLS_REMEMBERED))
    _brought_task: deque[bool] = field(default_factory=lambda: deque(maxlen=_PULLS_REMEMBERED))
    metagraph_cache: MetagraphCache = field(init=False)
    _endpoint_cache: EndpointCache = field(init=False)
    _handle_response: HandlePollResponseStep = field(init=False)

    def __post_init__(self) -> None:
        age = self.policy.metagraph_age
        self.metagraph_cache = MetagraphCache(
            self.store.validators,
            self.store.polls,
            self.network,
            self.clock,
            age,
            self.policy.metagraph,
        )
        self._endpoint_cache = EndpointCache(self.store.endpoints, self.policy.endpoints)
        self._handle_response = HandlePollResponseStep(
            self.store,
            self.network,
            self.clock,
            spacing=self.policy.spacing,
            session_id=self.policy.session_id,
        )

    async def run(self) -> PollReport:
        """Poll one round and store each answer as it comes; return what it brought.

        While no validator has a task, further ones are polled, for `ROUND_S` and what the last one takes.

        Raises:
            MetagraphError: no list of validators can be had, with what to do.
            StoreError: an answer could not be stored; the validator serves its task again.
        """
        report = PollReport()
        if self.metagraph_cache.is_old():
            self.metagraph_cache.refresh()
        ends_at = time.monotonic() + ROUND_S
        while polls := [self.poll(validator, report) for validator in self.to_poll(report)]:
            # Every poll is waited for, since it may bring a task, before one's error is raised.
            for failure in await asyncio.gather(*polls, return_exceptions=True):
                if isinstance(failure, BaseException):
                    raise failure
            if report.new_tasks or time.monotonic() >= ends_at:
                break
        return report

    def to_poll(
        self, report: PollReport, polling: Collection[str] = (), *, pending_polls: int = 0
    ) -> list[Validator]:
        """Return the validators to poll now, the best first.

        Args:
            report: is given when the next one is due.
            polling: hotkeys with a poll under way.
            pending_polls: how many of these polls may still bring a task at once.

        Raises:
            MetagraphError: no list of validators can be had, with what to do.
        """
        report.problem = self.metagraph_cache.problem()
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
        # A validator that left a task unsettled serves it again or sets a cooldown: that needs no room.
        others = [v for v in due if v.hotkey not in unsettled_validators]
        return [*(v for v in due if v.hotkey in unsettled_validators), *others[:room]]

    def _due(
        self, active_tasks: list[ActiveTask], polling: Collection[str], report: PollReport
    ) -> list[Validator]:
        """Return those that are due: none whose task we hold, for it would only serve it again."""
        me, now = self.network.miner_hotkey, self.clock.now()
        times = self.store.polls.times(me)
        holding = {t.validator_hotkey for t in active_tasks if t.state is not TaskState.UNSETTLED}
        idle = [
            v
            for v in self.metagraph_cache.validators()
            if v.hotkey not in holding and v.hotkey not in polling
        ]
        spacing = self.policy.spacing
        known = [times[v.hotkey] for v in idle if v.hotkey in times]
        waits = [(t.due_at(now, spacing) or now) - now for t in known]
        report.next_due_in_s = min((w.total_seconds() for w in waits), default=None)
        return due_validators(idle, times, self.policy.eligibility, me, now, spacing=spacing)

    def _room(self, active_tasks: list[ActiveTask], polling: Collection[str], pending_polls: int) -> int:
        """Return how many validators to poll now."""
        now = self.clock.now()
        endpoints = self._endpoint_cache.endpoints()
        lead = lead_s(
            self.store.durations.start_s(), self._took_s, self.policy.cadence.total_seconds() + POLL_CHECK_S
        )
        pace = Pace(self.store.durations.generation_s(), lead)
        wanted = prefetch_count(
            active_tasks, endpoints, pace=pace, now=now
        ) - self._endpoint_cache.begun_since(active_tasks)
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

    async def poll(self, validator: Validator, report: PollReport) -> None:
        """Send a pull to the validator and act on its response, unless another process polls it."""
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
            self.metagraph_cache.doubt_registration()
        self._brought_task.append(isinstance(answer, TaskAssigned))
        if isinstance(answer, TaskAssigned):
            self._took_s.append(time.monotonic() - started)
        new_task = await self._handle_response.run(validator, answer)
        if new_task is not None:
            report.new_tasks.append(new_task)
