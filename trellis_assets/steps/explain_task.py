"""Explain a task's decision, and what recorded tasks say of validators and of another gate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trellis_assets.domain.candidates import CandidateScore, StoredDecision
from trellis_assets.domain.learning.beliefs import Beliefs
from trellis_assets.domain.learning.evidence import learn
from trellis_assets.domain.learning.experiments import validator_told, wilson
from trellis_assets.domain.learning.replay import Recorded, Replayed, replay
from trellis_assets.domain.learning.settled_tasks import (
    RECIPE,
    Explanation,
    Record,
    SettledTask,
    explain,
    record_of,
)
from trellis_assets.ports import Clock, Store
from trellis_assets.steps.learn import MOST_CANDIDATES, MOST_TASKS, ROUNDS


@dataclass(frozen=True, slots=True)
class ValidatorAnswers:
    """A validator's answers: how many of how many it accepted, the share's 95 % interval, and in words."""

    validator: str
    accepted: int
    answered: int
    low: float
    high: float
    told: str


@dataclass(frozen=True, slots=True)
class GateReplay:
    """What another gate would have earned a task, beside what was earned; accepted results less penalties."""

    gate: float
    tasks: int
    earned: float
    replayed: Replayed


@dataclass(frozen=True, slots=True)
class ExplainTaskStep:
    """Reads the store alone: what it says can be rebuilt at any time.

    Attributes:
        gpus: generation endpoints.
    """

    store: Store
    clock: Clock
    gpus: int

    def run(self, key: int) -> tuple[SettledTask, Explanation]:
        """Return a task and what the learnt policy sees of it, from the tasks that came before.

        Raises:
            StoreError: there is no such task.
        """
        task = self.store.settled.get(key)
        before = self.store.settled.newest(MOST_TASKS, before_key=key)
        candidates = [each for each in self.store.candidates.scores(MOST_CANDIDATES) if each.task_key < key]
        record = record_of(
            before,
            more=[task],
            candidates=candidates,
            recipes=_labels(candidates),
            gpus=self.gpus,
            now_s=task.at_s,
        )
        return task, explain(task, record, _beliefs(record))

    def decisions(self, key: int) -> list[StoredDecision]:
        """Return the decisions that were taken for the task, with the numbers that they followed from."""
        return self.store.decisions.of_task(key)

    def validators(self) -> list[ValidatorAnswers]:
        """Return what each validator's answers say, those with most answers first."""
        answers = [task for task in self.store.settled.newest(MOST_TASKS) if task.accepted is not None]
        usual = sum(task.accepted is True for task in answers) / max(1, len(answers))
        found = []
        for hotkey in dict.fromkeys(task.validator for task in answers):
            own = [task.accepted is True for task in answers if task.validator == hotkey]
            low, high = wilson(sum(own), len(own))
            told = validator_told(sum(own), len(own), usual)
            found.append(ValidatorAnswers(hotkey, sum(own), len(own), low, high, told))
        return sorted(found, key=lambda each: -each.answered)

    def replay_gate(self, gate: float) -> GateReplay | None:
        """Return what the gate would have earned on recorded tasks; None without any to tell by.

        Args:
            gate: the least local score that it submits.
        """
        tasks = [task for task in self.store.settled.newest(MOST_TASKS) if task.score is not None]
        if not any(task.is_answer for task in tasks):
            return None
        record = record_of(tasks, gpus=self.gpus, now_s=self.clock.now().timestamp())
        beliefs = _beliefs(record)
        recorded = [_recorded(task, gate, record, beliefs) for task in tasks]
        earned = float(np.mean([each.reward for each in recorded]))
        return GateReplay(gate, len(tasks), earned, replay(recorded))


def _beliefs(record: Record) -> Beliefs:
    beliefs = learn(record.evidence)
    for _ in range(ROUNDS - 1):
        beliefs = learn(record.evidence, beliefs)
    return beliefs


def _labels(candidates: Sequence[CandidateScore]) -> list[str]:
    return list(dict.fromkeys([RECIPE, *(each.label for each in candidates)]))


def _recorded(task: SettledTask, gate: float, record: Record, beliefs: Beliefs) -> Recorded:
    """Return the task with what the gate would do; a rejection costs its seconds at the clock price."""
    validator, score = record.hotkeys.index(task.validator), task.score or 0.0
    penalty = beliefs.clock.penalty_s * float(beliefs.market.clock[validator])
    features = np.array([score - task.threshold])
    p = float(beliefs.acceptance.probability(features, validator) * beliefs.acceptance.alive[validator])
    predicted = p - (1 - p) * penalty
    submitted, would_submit = task.accepted is not None, score >= gate and task.is_valid
    reward = (1.0 if task.accepted else -penalty) if submitted else 0.0
    return Recorded(
        same=submitted is would_submit,
        probability=1.0,  # today's rules leave nothing to chance
        reward=reward,
        predicted_done=predicted if submitted else 0.0,
        predicted_other=predicted if would_submit else 0.0,
    )


def lines_of(task: SettledTask, found: Explanation) -> Sequence[str]:
    """Return the explanation as text, one fact a line."""
    score = "no local score" if task.score is None else f"local score {task.score:.4f}"
    check = "" if task.is_valid else ", a data check failed"
    outcome = {None: "no answer to a result", True: "accepted", False: "rejected"}[task.accepted]
    lines = [
        f"task {task.key} ({task.kind}): {score}{check}, threshold {task.threshold:.4f}: {outcome}",
        f"known before it: {found.tasks} judged models, {found.answers} answers to them",
    ]
    if found.acceptance is not None:
        p, low, high = found.acceptance
        lines.append(f"acceptance by this validator: {p:.3f} (95 % interval {low:.3f} to {high:.3f})")
    lines += [
        f"the validator accepts anything at all: {found.alive:.3f}",
        f"prices: {found.gpu_price:.6f} a GPU second, {found.clock_price:.6f} a second of this validator",
        f"one more candidate would score {found.score_mean:.3f} +- {found.score_sd:.3f} locally",
    ]
    lines += [f"reservation value of {name}: {z:.4f}" for name, z in found.advised.reservations.items()]
    if found.advised.best_worth is not None:
        lines.append(f"worth of the model: {found.advised.best_worth:.4f}")
    lines.append(f"the learnt policy would {found.advised.move.replace('_', ' ')}: {found.advised.why}")
    if found.in_force.why:
        lines.append(f"the learnt policy would not be in force: {found.in_force.why}")
    return lines


def lines_of_decisions(decisions: Sequence[StoredDecision]) -> Sequence[str]:
    """Return the decisions as text: what was done, why, and the numbers that were seen."""
    if not decisions:
        return ["no decision is stored: the task is of a time before there were any, or was not generated"]
    lines = []
    for decision in decisions:
        what = decision.move.replace("_", " ")
        by = f" by {decision.recipe}" if decision.recipe else ""
        number = f" candidate {decision.candidate}{by}" if decision.candidate is not None else ""
        seconds = decision.figures.get("elapsed_s")
        after = f" after {seconds:.1f} s" if seconds is not None else ""
        lines.append(f"{decision.number}. {what}{number}{after} ({decision.policy}): {decision.reason}")
        if decision.fallback:
            lines.append(f"   in force instead of the policy of the settings: {decision.fallback}")
        lines += [f"   {line}" for line in _figures(decision)]
    return lines


def _figures(decision: StoredDecision) -> list[str]:
    figures = decision.figures
    lines = []
    for each in figures.get("candidates", ()):
        known = {name: value for name, value in each.items() if name != "number" and value is not None}
        shown = ", ".join(f"{name} {_short(value)}" for name, value in known.items())
        lines.append(f"candidate {each['number']}: {shown}")
    left_out = {"candidates", "elapsed_s", "reservations"}
    plain = {name: value for name, value in figures.items() if name not in left_out and value is not None}
    if plain:
        lines.append(", ".join(f"{name} {_short(value)}" for name, value in plain.items()))
    lines += [
        f"reservation value of {name}: {value:.4f}" for name, value in figures.get("reservations", {}).items()
    ]
    return lines


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
