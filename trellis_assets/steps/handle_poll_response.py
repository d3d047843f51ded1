"""Handle the response to a pull: store its task, and when the validator may be polled next."""

import logging
import random
from dataclasses import dataclass
from datetime import datetime

from trellis_assets.domain.clock_offset import Offset, measure_offset
from trellis_assets.domain.scheduling.poll_spacing import PollSpacing
from trellis_assets.domain.scheduling.run_attempts import MAX_ATTEMPTS
from trellis_assets.domain.submissions import SubmissionKind
from trellis_assets.domain.tasks import REOPENABLE_STATES, Task, TaskState, is_final
from trellis_assets.domain.validators import Validator
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import (
    Clock,
    CoolingDown,
    MalformedResponse,
    NoTask,
    NotRegistered,
    PollResponse,
    Store,
    TaskAssigned,
    Unreachable,
    ValidatorNetwork,
)

# A task that its validator serves again after so many answers is handed back.
MAX_REOPENINGS = 6


@dataclass(frozen=True, slots=True)
class HandlePollResponseStep:
    """Store what a validator answered, and settle or reopen the tasks that its answer decides.

    Attributes:
        spacing: pauses between two polls of one validator.
        session_id: of the session that new tasks belong to.
    """

    store: Store
    network: ValidatorNetwork
    clock: Clock
    spacing: PollSpacing
    session_id: int | None

    async def run(self, validator: Validator, answer: PollResponse) -> int | None:
        """Return the new task's key; None if the response brought none.

        Raises:
            StoreError: it could not be stored; the validator will serve its task again.
        """
        self._record_poll(validator, answer)
        return await self._act_on(validator, answer)

    async def _act_on(self, validator: Validator, answer: PollResponse) -> int | None:
        match answer:
            case TaskAssigned(task=pulled):
                arrival = self.store.arrivals.record(
                    pulled,
                    validator=validator,
                    miner_hotkey=self.network.miner_hotkey,
                    now=self.clock.now(),
                    session_id=self.session_id,
                )
                self._settle(validator, served=arrival.task.key)
                if arrival.is_new:
                    audit("task pulled", task=arrival.task, threshold=pulled.validation_threshold)
                    return arrival.task.key
                await self._served_again(validator, arrival.task)
            case CoolingDown():
                self._settle(validator, served=None)
            case NotRegistered():
                audit(
                    "hotkey is not registered with the validator: register it on the subnet",
                    level=logging.ERROR,
                    validator_uid=validator.uid,
                    hotkey=self.network.miner_hotkey,
                )
            case MalformedResponse(reason=reason) | Unreachable(reason=reason):
                audit("pull failed", level=logging.WARNING, validator_uid=validator.uid, reason=reason)
            case NoTask():
                pass
        return None

    def _record_poll(self, validator: Validator, answer: PollResponse) -> None:
        """Store when the validator may be polled next: later and later while it fails or has nothing."""
        now, failures = self.clock.now(), 0
        fields: dict[str, object] = {}
        match answer:
            case CoolingDown(until=until, violations=violations):
                fields = {"cooldown_until": until, "violations": violations}
            case NotRegistered(until=until):
                fields = {"cooldown_until": until}
            case NoTask() | Unreachable() | MalformedResponse():
                failures = 1 + self.store.polls.failures(self.network.miner_hotkey, validator.hotkey)
        self.store.polls.record(
            self.network.miner_hotkey,
            validator.hotkey,
            outcome=type(answer).__name__,
            reason=answer.reason if isinstance(answer, Unreachable | MalformedResponse) else None,
            now=now,
            next_poll_at=now + self.spacing.pause(failures, random.random()),
            failures=failures,
            brings_task=isinstance(answer, TaskAssigned),
            clock=_clock_of(answer, now),
            **fields,  # type: ignore[arg-type]
        )

    def _settle(self, validator: Validator, served: int | None) -> None:
        """Settle this validator's unsettled tasks: it serves another one, or sets a cooldown."""
        for task in self.store.tasks.active(self.network.miner_hotkey):
            if (
                task.state is TaskState.UNSETTLED
                and task.validator_hotkey == validator.hotkey
                and task.key != served
            ):
                state, reason = TaskState.REJECTED, "zero score; the validator moved on"
                stored = self.store.tasks.get(task.key)
                if stored.submission is not None and stored.submission.kind is SubmissionKind.HAND_BACK:
                    state, reason = TaskState.HANDED_BACK, stored.reason or "handed back"
                moved = self.store.tasks.move(task.key, state, now=self.clock.now(), reason=reason)
                audit("task settled", task=moved)

    async def _served_again(self, validator: Validator, task: Task) -> None:
        """Reopen the task: its validator waits for an answer, whatever it answered to an earlier one.

        An accepted task is answered with its stored model: the validator was restored from older state, where
        the result does not count. Our counters forget the acceptance until it comes again.
        """
        answers = task.submission.attempt if task.submission else 0
        if task.state in REOPENABLE_STATES and answers < MAX_REOPENINGS and task.attempt + 1 < MAX_ATTEMPTS:
            reopened = self.store.arrivals.reopen(task.key)
            audit("task served again", task=reopened, level=logging.WARNING, was=str(task.state))
        elif is_final(task.state):
            # Answered too often: the empty result frees the validator for new work.
            answer = await self.network.submit(validator, task=task, kind=SubmissionKind.HAND_BACK, spz=b"")
            self.store.polls.record(
                self.network.miner_hotkey,
                validator.hotkey,
                outcome="ServedSettledTask",
                now=self.clock.now(),
                cooldown_until=answer.cooldown_until,
            )
            audit("settled task handed back", task=task, level=logging.WARNING, outcome=str(answer.outcome))


def _clock_of(answer: PollResponse, now: datetime) -> Offset | None:
    exchange = answer.exchange
    return None if exchange is None else measure_offset(exchange.server_time, exchange.round_trip_s, now)
