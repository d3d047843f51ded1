"""Equal validators that offer more than the generator can do are served alike: real decisions, simulated."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from trellis_assets.adapters.local_subnet import rules
from trellis_assets.domain.endpoints.endpoints import Endpoint
from trellis_assets.domain.scheduling.prefetch import (
    ActiveTask,
    Pace,
    poll_count,
    prefetch_count,
    waiting_tasks,
)
from trellis_assets.domain.scheduling.priority import WaitingTask, first_in_line
from trellis_assets.domain.tasks import TaskState
from trellis_assets.domain.validators import EligibilityPolicy, PollTimes, Validator, due_validators
from trellis_assets.testing.fakes import MINER, NOW, a_validator

GENERATION_S, STEP_S = 20.0, 0.5
MAX_WAITING = 8
RULES = rules.Rules()  # 300 s of cooldown, 30 s of throttle, 30 s of lock, 600 s of penalty
PACE = Pace(generation_s=GENERATION_S, lead_s=4.0)


@dataclass
class Simulation:
    """A miner with one endpoint before validators that keep the subnet's rules and accept everything."""

    validators: Sequence[Validator]
    lead_s: float = 4.0
    now: datetime = NOW
    times: dict[str, PollTimes] = field(default_factory=dict)
    held: dict[int, tuple[Validator, datetime]] = field(default_factory=dict)
    peers: dict[str, rules.Miner] = field(default_factory=dict)
    served: Counter[str] = field(default_factory=Counter)
    overtaken: Counter[int] = field(default_factory=Counter)
    polled: list[str] = field(default_factory=list)
    began_at: datetime | None = None
    working_on: int | None = None
    keys: int = 0

    def run(self, seconds: float) -> None:
        ends_at = self.now + timedelta(seconds=seconds)
        while self.now < ends_at:
            self._finish()
            self._begin()
            self._poll()
            self._begin()
            self.now += timedelta(seconds=STEP_S)

    def _endpoint(self) -> Endpoint:
        return replace(Endpoint("gpu"), held_by=self.working_on, began_at=self.began_at)

    def _tasks(self) -> list[ActiveTask]:
        return [
            ActiveTask(
                key,
                MINER,
                validator.hotkey,
                TaskState.GENERATING if key == self.working_on else TaskState.PULLED,
            )
            for key, (validator, _) in self.held.items()
        ]

    def _poll(self) -> None:
        pace = replace(PACE, lead_s=self.lead_s)
        wanted = prefetch_count(self._tasks(), [self._endpoint()], pace=pace, now=self.now)
        room = poll_count(wanted, 1.0, MAX_WAITING - waiting_tasks(self._tasks()))
        holding = {validator.hotkey for validator, _ in self.held.values()}
        idle = [v for v in self.validators if v.hotkey not in holding]
        for validator in due_validators(idle, self.times, EligibilityPolicy(), MINER, self.now)[:room]:
            self._ask(validator)

    def _ask(self, validator: Validator) -> None:
        peer = self.peers.get(validator.hotkey, rules.Miner())
        decision, peer = rules.decide_pull(peer, RULES, self.now.timestamp())
        assert decision is rules.Pull.NEW_TASK, "no pull within a cooldown"
        self.keys += 1
        self.peers[validator.hotkey] = rules.assign(peer, {"id": str(self.keys)}, self.now.timestamp())
        self.held[self.keys] = (validator, self.now)
        self.polled.append(validator.hotkey)
        known = self.times.get(validator.hotkey, PollTimes())
        self.times[validator.hotkey] = replace(known, next_poll_at=self.now + timedelta(seconds=45))

    def _begin(self) -> None:
        waiting = [
            self._waiting(key, validator, pulled_at)
            for key, (validator, pulled_at) in self.held.items()
            if key != self.working_on
        ]
        if self.working_on is not None or not waiting:
            return
        first = first_in_line(waiting, GENERATION_S, self.now)
        self.overtaken.update(task.key for task in waiting if task.key < first.key)
        self.working_on, self.began_at = first.key, self.now

    def _waiting(self, key: int, validator: Validator, pulled_at: datetime) -> WaitingTask:
        known = self.times[validator.hotkey]
        return WaitingTask(key, pulled_at, validator.stake, known.accepted, known.submitted)

    def _finish(self) -> None:
        if self.began_at is None or self.now < self.began_at + timedelta(seconds=GENERATION_S):
            return
        assert self.working_on is not None
        validator, _ = self.held.pop(self.working_on)
        self.working_on = self.began_at = None
        now_s = self.now.timestamp()
        decision, peer = rules.after_scoring(self.peers[validator.hotkey], RULES, now_s, 0.8)
        assert decision is rules.Submit.ACCEPTED
        self.peers[validator.hotkey] = peer
        self.served[validator.hotkey] += 1
        known = self.times[validator.hotkey]
        self.times[validator.hotkey] = replace(
            known,
            cooldown_until=NOW + timedelta(seconds=peer.cooldown_until - NOW.timestamp()),
            accepted=known.accepted + 1,
            submitted=known.submitted + 1,
        )


def test_equal_validators_are_served_alike_and_none_waits_for_ever() -> None:
    validators = [a_validator(uid) for uid in range(1, 17)]
    for lead_s in (4.0, 60.0):  # just in time, and far ahead, so that tasks wait in line
        simulation = Simulation(validators, lead_s=lead_s)
        simulation.run(14 * 60)
        counts = [simulation.served[v.hotkey] for v in validators]
        assert min(counts) > 0
        assert max(counts) - min(counts) <= 1, counts
        assert max(simulation.overtaken.values(), default=0) < 12
        simulation.run(60 * 60)
        counts = [simulation.served[v.hotkey] for v in validators]
        assert max(counts) - min(counts) <= 1, counts


def test_validators_that_accepted_more_so_far_are_not_served_more() -> None:
    validators = [a_validator(uid) for uid in range(1, 17)]
    simulation = Simulation(validators, lead_s=60.0)
    for validator in validators[:8]:
        simulation.times[validator.hotkey] = PollTimes(accepted=40, submitted=40)
    simulation.run(30 * 60)
    counts = [simulation.served[v.hotkey] for v in validators]
    assert max(counts) - min(counts) <= 1, counts


def test_the_generator_is_never_idle_while_validators_are_due() -> None:
    simulation = Simulation([a_validator(uid) for uid in range(1, 17)], lead_s=4.0)
    simulation.run(14 * 60)
    assert sum(simulation.served.values()) >= 14 * 60 / GENERATION_S - 2


def test_a_validator_of_little_stake_is_polled_now_and_then() -> None:
    validators = [a_validator(uid, stake=50_000.0) for uid in range(1, 21)]
    small = a_validator(99, stake=2_000.0)
    simulation = Simulation([*validators, small])
    simulation.times[small.hotkey] = PollTimes(next_poll_at=NOW)
    simulation.run(3 * 3600)
    assert 1 <= simulation.served[small.hotkey] <= 4
