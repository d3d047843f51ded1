"""Pull: every validator that is due has been asked, and what it gave is in the store."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta

from trellis_assets.audit import audit
from trellis_assets.domain.clocks import elapsed
from trellis_assets.domain.submissions import SubmissionKind
from trellis_assets.domain.tasks import (
    REOPENABLE_STATES,
    UNFINISHED_STATES,
    Task,
    TaskState,
    is_final,
)
from trellis_assets.domain.validators import PollPolicy, Validator, due_validators
from trellis_assets.ports import (
    Clock,
    CoolingDown,
    NoTask,
    NotRegistered,
    PollAnswer,
    Rubbish,
    TaskAssigned,
    TaskStore,
    Unreachable,
    ValidatorNetwork,
)

# A validator that keeps serving a task we keep answering is handed it back empty from here on.
MAX_REOPENINGS = 6


@dataclass(frozen=True, slots=True)
class PullPolicy:
    """Settings of this step.

    Attributes:
        interval: between two pulls of one validator.
        error_backoff: rest after a validator failed or had nothing.
        metagraph_age: refresh the list of validators when it is older.
        max_waiting: pull no more while this many tasks wait or are worked on.
        task_limit: no more than this many tasks in the session; None: no limit.
    """

    polls: PollPolicy
    interval: timedelta
    error_backoff: timedelta
    metagraph_age: timedelta
    max_waiting: int
    task_limit: int | None = None
    session_id: int | None = None


@dataclass(slots=True)
class PullReport:
    """What one round of pulls did: validators by answer, and the tasks that are new."""

    asked: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    new_tasks: list[int] = field(default_factory=list)
    next_due_in_s: float | None = None

    def count(self, answer: str) -> None:
        """One more validator gave this answer."""
        self.answers[answer] = self.answers.get(answer, 0) + 1


@dataclass(frozen=True, slots=True)
class PullStep:
    """The step with what it works on."""

    store: TaskStore
    network: ValidatorNetwork
    clock: Clock
    policy: PullPolicy

    async def run(self) -> PullReport:
        """All due validators were asked at once; each answer was stored as it came.

        Raises:
            MetagraphError: no list of validators can be had, with what to do.
            StoreError: an answer could not be stored; the validator serves its task again.
        """
        report = PullReport()
        validators = self._validators()
        unfinished = self.store.tasks_in(UNFINISHED_STATES)
        due = self._due(validators, unfinished, report)
        polls = [self._poll(validator, unfinished, report) for validator in self._with_room(due, unfinished)]
        # Each poll is heard to its end, for it may bring a task: what one could not store is told after.
        for failure in await asyncio.gather(*polls, return_exceptions=True):
            if isinstance(failure, BaseException):
                raise failure
        return report

    def _validators(self) -> list[Validator]:
        listed, saved_at = self.store.listed_validators()
        now = self.clock.now()
        if saved_at is not None and elapsed(saved_at, now) < self.policy.metagraph_age:
            return listed
        fresh = list(self.network.metagraph())
        self.store.save_validators(fresh, now)
        return fresh

    def _due(
        self, validators: list[Validator], unfinished: list[Task], report: PullReport
    ) -> list[Validator]:
        """Validators to ask: none that waits for a task we hold, for it would only repeat it."""
        me, now = self.network.miner_hotkey, self.clock.now()
        times = self.store.poll_times(me)
        holding = {
            t.validator_hotkey
            for t in unfinished
            if t.miner_hotkey == me and t.state is not TaskState.UNSETTLED
        }
        idle = [v for v in validators if v.hotkey not in holding]
        longest = self.policy.polls.longest_rest
        known = [times[v.hotkey] for v in idle if v.hotkey in times]
        waits = [(t.due_at(now, longest) or now) - now for t in known]
        report.next_due_in_s = min((w.total_seconds() for w in waits), default=None)
        return due_validators(idle, times, self.policy.polls, me, now)

    def _with_room(self, due: list[Validator], unfinished: list[Task]) -> list[Validator]:
        """As many as there is room for, and those that owe the word on an unsettled task.

        The latter give the same task again or a cooldown, so that no room is needed for them.
        """
        owing = {t.validator_hotkey for t in unfinished if t.state is TaskState.UNSETTLED}
        others = [v for v in due if v.hotkey not in owing]
        return [*(v for v in due if v.hotkey in owing), *others[: self._capacity(unfinished)]]

    def _capacity(self, unfinished: list[Task]) -> int:
        room = self.policy.max_waiting - sum(t.state is not TaskState.UNSETTLED for t in unfinished)
        if self.policy.task_limit is not None:
            pulled = sum(self.store.count_by_state(self.policy.session_id).values())
            room = min(room, self.policy.task_limit - pulled)
        return max(0, room)

    async def _poll(self, validator: Validator, unfinished: list[Task], report: PullReport) -> None:
        me, now = self.network.miner_hotkey, self.clock.now()
        soon, longest = now + self.policy.interval, self.policy.polls.longest_rest
        if not self.store.begin_poll(me, validator.hotkey, next_poll_at=soon, now=now, longest_rest=longest):
            return  # another process asks it just now
        report.asked += 1
        answer = await self.network.pull(validator)
        report.count(type(answer).__name__)
        self._record_poll(validator, answer)
        await self._act_on(validator, answer, unfinished, report)

    async def _act_on(
        self, validator: Validator, answer: PollAnswer, unfinished: list[Task], report: PullReport
    ) -> None:
        match answer:
            case TaskAssigned(task=pulled):
                arrival = self.store.record_arrival(
                    pulled,
                    validator=validator,
                    miner_hotkey=self.network.miner_hotkey,
                    now=self.clock.now(),
                    session_id=self.policy.session_id,
                )
                self._settle(validator, unfinished, served=arrival.task.key)
                if arrival.is_new:
                    audit("task pulled", task=arrival.task, threshold=pulled.validation_threshold)
                    report.new_tasks.append(arrival.task.key)
                else:
                    await self._served_again(validator, arrival.task)
            case CoolingDown():
                self._settle(validator, unfinished, served=None)
            case NotRegistered():
                audit(
                    "hotkey is not registered with the validator: register it on the subnet",
                    level=logging.ERROR,
                    validator_uid=validator.uid,
                    hotkey=self.network.miner_hotkey,
                )
            case Rubbish(reason=reason) | Unreachable(reason=reason):
                audit("pull failed", level=logging.WARNING, validator_uid=validator.uid, reason=reason)
            case NoTask():
                pass

    def _record_poll(self, validator: Validator, answer: PollAnswer) -> None:
        """When the validator may be asked next is in the store."""
        now = self.clock.now()
        soon, later = now + self.policy.interval, now + self.policy.error_backoff
        fields: dict[str, object]
        match answer:
            case TaskAssigned():
                fields = {"next_poll_at": soon}
            case CoolingDown(until=until, violations=violations):
                fields = {"next_poll_at": soon, "cooldown_until": until, "violations": violations}
            case NotRegistered(until=until):
                fields = {"next_poll_at": soon, "cooldown_until": until}
            case Unreachable(may_have_assigned=True):
                fields = {"next_poll_at": soon}  # a task may wait for us there
            case NoTask() | Unreachable() | Rubbish():
                fields = {"next_poll_at": later}
        self.store.record_poll(
            self.network.miner_hotkey,
            validator.hotkey,
            outcome=type(answer).__name__,
            now=now,
            **fields,  # type: ignore[arg-type]
        )

    def _settle(self, validator: Validator, unfinished: list[Task], served: int | None) -> None:
        """Tasks whose zero-score answer left open whether they count: the validator moved on."""
        for task in unfinished:
            if (
                task.state is TaskState.UNSETTLED
                and task.validator_hotkey == validator.hotkey
                and task.miner_hotkey == self.network.miner_hotkey
                and task.key != served
            ):
                moved = self.store.move(
                    task.key,
                    TaskState.REJECTED,
                    now=self.clock.now(),
                    reason="zero score; the validator moved on",
                )
                audit("task settled", task=moved)

    async def _served_again(self, validator: Validator, task: Task) -> None:
        """The same task, not a duplicate: what we knew as settled is open again."""
        if task.state in REOPENABLE_STATES and task.attempt < MAX_REOPENINGS:
            reopened = self.store.reopen(task.key, self.clock.now())
            audit("task served again", task=reopened, level=logging.WARNING, was=str(task.state))
        elif is_final(task.state):
            # Accepted before the validator lost its state, or answered too often: an empty answer
            # frees the validator for new work, and submits no result twice.
            answer = await self.network.submit(validator, task=task, kind=SubmissionKind.HAND_BACK, spz=b"")
            self.store.record_poll(
                self.network.miner_hotkey,
                validator.hotkey,
                outcome="ServedSettledTask",
                now=self.clock.now(),
                cooldown_until=answer.cooldown_until,
            )
            audit("settled task handed back", task=task, level=logging.WARNING, outcome=str(answer.outcome))
