"""A day of mining in a second: endpoints, validators by the local subnet's own rules, and a policy."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earning.world import MOST_CANDIDATES, HiddenTask, World
from trellis_assets.adapters.local_subnet.rules import (
    Miner,
    Pull,
    Rules,
    Submit,
    after_scoring,
    assign,
    before_scoring,
    decide_pull,
)
from trellis_assets.domain.learning.policy import Candidate
from trellis_assets.domain.learning.search import Move

PULL_S, SCORING_S = 0.5, 3.0
# The rules take 0 for the time of a result that was accepted long ago, so that no day may begin at 0.
BEGIN_S = 3600.0


@dataclass(slots=True, eq=False)
class TaskUnderWay:
    """A task between its assignment and its settlement."""

    key: int
    validator: int
    hidden: HiddenTask
    assigned_at: float
    candidates: list[Candidate]
    qualities: list[float]


class Contender(Protocol):
    """A policy in the simulator."""

    def first(self, ready: Sequence[int]) -> int:
        """Return which of the validators that may be pulled is pulled first; they wait longest first."""

    def move(self, task: TaskUnderWay, now_s: float) -> tuple[Move, str | int | None]:
        """Return what to do: the recipe of the next candidate, or the index of the one to submit."""

    def settled(self, task: TaskUnderWay, submitted: int | None, outcome: Submit, now_s: float) -> None:
        """Note the end of a task."""


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What happened, one row a settled task, in order of settlement.

    Attributes:
        times_s: (n,) of settlement.
        accepted: (n,) whether it was accepted.
        validators: (n,) whose task it was.
        gpu_s: (n,) GPU seconds that went into it.
        first_recipes: (n,) of its first candidate; empty without one.
        end_s: of the day.
    """

    times_s: NDArray[np.float64]
    accepted: NDArray[np.bool_]
    validators: NDArray[np.int64]
    gpu_s: NDArray[np.float64]
    first_recipes: tuple[str, ...]
    end_s: float


def simulate(world: World, contender: Contender) -> Day:
    """Return the day that the policy has in this world."""
    return _Simulation(world, contender).run()


class _Simulation:
    def __init__(self, world: World, contender: Contender) -> None:
        self._world, self._contender, regime = world, contender, world.regime
        self._miners = [Miner() for _ in range(regime.validators)]
        self._pulled = [0] * regime.validators
        self._rules = Rules(threshold=regime.announced)
        self._free = regime.endpoints
        self._events: list[tuple[float, int, str, TaskUnderWay | None]] = []
        self._count = 0
        self._rows: list[tuple[float, bool, int, float, str]] = []

    def run(self) -> Day:
        """Simulate the whole day."""
        end_s = BEGIN_S + self._world.regime.length_s
        self._at(BEGIN_S, "look", None)
        while self._events:
            now, _, event, task = heapq.heappop(self._events)
            if now > end_s:
                break
            if task is not None:
                if event == "made":
                    self._go_on(task, now)
                else:
                    self._settle(task, now, event)
            self._start_tasks(now)
        times, accepted, validators, gpu, recipes = zip(*self._rows, strict=True)
        return Day(np.array(times), np.array(accepted), np.array(validators), np.array(gpu), recipes, end_s)

    def _at(self, time: float, event: str, task: TaskUnderWay | None) -> None:
        self._count += 1
        heapq.heappush(self._events, (time, self._count, event, task))

    def _start_tasks(self, now: float) -> None:
        """Start a task at every free endpoint, as long as a validator may be polled."""
        while self._free:
            open_ = [v for v, m in enumerate(self._miners) if m.assigned is None and m.cooldown_until <= now]
            if not open_:
                return
            ready = sorted(open_, key=lambda v: self._miners[v].cooldown_until)
            self._pull(self._contender.first(ready), now)

    def _pull(self, validator: int, now: float) -> None:
        decision, miner = decide_pull(self._miners[validator], self._rules, now)
        assert decision is Pull.NEW_TASK
        number = self._pulled[validator]
        self._pulled[validator] += 1
        key = number * len(self._miners) + validator
        self._miners[validator] = assign(miner, {"id": str(key)}, now)
        self._free -= 1
        task = TaskUnderWay(key, validator, self._world.task(validator, number), now, [], [])
        self._go_on(task, now + PULL_S)

    def _go_on(self, task: TaskUnderWay, now: float) -> None:
        """Start the next candidate, or submit the task."""
        move, what = self._contender.move(task, now)
        if move is Move.GENERATE and len(task.candidates) < MOST_CANDIDATES:
            recipe = str(what)
            quality, local, is_valid = self._world.candidate(task.hidden, len(task.candidates), recipe)
            task.candidates.append(Candidate(recipe, local, is_valid))
            task.qualities.append(quality)
            self._at(now + self._world.regime.recipes[recipe].generation_s, "made", task)
            return
        self._free += 1
        if move is Move.SUBMIT and isinstance(what, int):
            self._at(now + SCORING_S, f"scored {what}", task)
        else:
            self._settle(task, now, "")

    def _settle(self, task: TaskUnderWay, now: float, event: str) -> None:
        submitted = int(event.split()[1]) if event else None
        validator, task_id = task.validator, str(task.key)
        # The announced threshold is what the miner is told; the hidden one is what counts.
        rules = replace(self._rules, threshold=self._world.threshold(validator, now))
        sent_at = now - SCORING_S if submitted is not None else now
        outcome, miner = before_scoring(
            self._miners[validator],
            rules,
            sent_at,
            task_id=task_id,
            is_signed=True,
            is_empty=submitted is None,
        )
        if submitted is not None:
            assert outcome is Submit.SCORE
            score = self._world.validators_score(task.hidden, task.qualities[submitted])
            outcome, miner = after_scoring(miner, rules, now, score)
            assert outcome in {Submit.ACCEPTED, Submit.REJECTED}
        self._miners[validator] = miner
        self._at(float(miner.cooldown_until), "look", None)
        gpu_s = sum(self._world.regime.recipes[c.recipe].generation_s for c in task.candidates)
        first = task.candidates[0].recipe if task.candidates else ""
        self._rows.append((now, outcome is Submit.ACCEPTED, validator, gpu_s, first))
        self._contender.settled(task, submitted, outcome, now)
