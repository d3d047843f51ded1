"""A validator's rules as a pure state machine (PROTOCOL 4.1 to 4.7). Times are unix seconds."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

WINDOW_S = 4 * 3600
UNKNOWN_HOTKEY_COOLDOWN_S = 3600


@dataclass(frozen=True, slots=True)
class Rules:
    """A validator's constants; the defaults are the subnet's (PROTOCOL 4.10)."""

    threshold: float = 0.6
    throttle_s: int = 30
    cooldown_s: int = 300
    penalty_s: int = 600
    violation_penalty_s: int = 10
    violations_allowed: int = 100
    lock_s: float = 30
    alpha: float = 0.05
    duel_rating: float = 1500.0

    @classmethod
    def development(cls, threshold: float = 0.6) -> "Rules":
        """Return the same rules in seconds, so that 20 tasks take about two minutes."""
        return cls(threshold=threshold, throttle_s=2, cooldown_s=6, penalty_s=12, lock_s=1)


@dataclass(frozen=True, slots=True)
class Assigned:
    """The task a miner works on; `since` is when it was handed out."""

    task: dict[str, str]
    since: float


@dataclass(frozen=True, slots=True)
class Miner:
    """What a validator knows of a miner."""

    assigned: Assigned | None = None
    cooldown_until: int = 0
    violations: int = 0
    locked_until: float = 0.0
    fidelity: float = 1.0
    accepted_at: tuple[float, ...] = field(default_factory=tuple)
    last_accepted: float = 0.0


class Pull(StrEnum):
    """What a pull is answered with."""

    COOLDOWN = "cooldown"
    SAME_TASK = "same_task_again"
    NEW_TASK = "assigned"


class Submit(StrEnum):
    """What a submission is answered with."""

    OTHER_TASK = "other_task_id"
    BAD_SIGNATURE = "bad_signature"
    HANDED_BACK = "handed_back"
    LOCKED = "locked"
    SCORE = "score"  # go on and score it
    SCORING_FAILED = "scoring_failed"
    TOO_FAST = "too_fast"
    REJECTED = "rejected"
    ACCEPTED = "accepted"


def decide_pull(miner: Miner, rules: Rules, now: float) -> tuple[Pull, Miner]:
    """Return the answer to a pull and the miner's state after it; a new task is still to be assigned."""
    if miner.cooldown_until and now < miner.cooldown_until:
        violations = miner.violations + 1
        penalty = rules.violation_penalty_s if violations > rules.violations_allowed else 0
        return Pull.COOLDOWN, replace(
            miner, violations=violations, cooldown_until=miner.cooldown_until + penalty
        )
    if miner.assigned is not None:
        return Pull.SAME_TASK, miner
    return Pull.NEW_TASK, miner


def assign(miner: Miner, task: dict[str, str], now: float) -> Miner:
    """Return the miner's state once it works on the task."""
    return replace(miner, assigned=Assigned(task, now))


def cooldown_end(assigned_at: float | None, rules: Rules, now: float, *, penalised: bool) -> int:
    """Return when the miner may pull again: a cooldown less the working time, of which at most the
    throttle counts (PROTOCOL 4.3).
    """  # noqa: D205
    cooldown = rules.cooldown_s + (rules.penalty_s if penalised else 0)
    if assigned_at is None:
        return int(now) + cooldown
    return int(max(now + cooldown - rules.throttle_s, assigned_at + cooldown))


def finish(miner: Miner, rules: Rules, now: float, *, penalised: bool) -> Miner:
    """Return the miner's state once the task has ended and the cooldown runs."""
    since = miner.assigned.since if miner.assigned else None
    until = cooldown_end(since, rules, now, penalised=penalised)
    return replace(miner, assigned=None, cooldown_until=until)


def before_scoring(
    miner: Miner, rules: Rules, now: float, *, task_id: str, is_signed: bool, is_empty: bool
) -> tuple[Submit, Miner]:
    """Return the outcome of steps 2 to 6 of PROTOCOL 4.4, which need no look at the model."""
    if miner.assigned is None or task_id != miner.assigned.task["id"]:
        return Submit.OTHER_TASK, miner
    if not is_signed:
        return Submit.BAD_SIGNATURE, finish(miner, rules, now, penalised=True)
    miner = replace(miner, violations=max(0, miner.violations - 1))
    if is_empty:
        return Submit.HANDED_BACK, finish(miner, rules, now, penalised=False)
    if miner.locked_until > now:
        return Submit.LOCKED, miner
    return Submit.SCORE, replace(miner, locked_until=now + rules.lock_s)


def after_scoring(miner: Miner, rules: Rules, now: float, score: float | None) -> tuple[Submit, Miner]:
    """Return the outcome of steps 7 to 10 of PROTOCOL 4.4; `score` None: no usable answer of the service."""
    if score is None:
        return Submit.SCORING_FAILED, finish(miner, rules, now, penalised=False)
    if miner.last_accepted + rules.cooldown_s - rules.throttle_s > now:
        return Submit.TOO_FAST, miner
    if score < rules.threshold:
        return Submit.REJECTED, finish(miner, rules, now, penalised=True)
    done = finish(miner, rules, now, penalised=False)
    fidelity = (1 - rules.alpha) * miner.fidelity + rules.alpha * min(1.0, score)
    window = (*(t for t in miner.accepted_at if t > now - WINDOW_S), now)
    return Submit.ACCEPTED, replace(done, fidelity=fidelity, accepted_at=window, last_accepted=now)


def generations_in_window(miner: Miner, now: float) -> int:
    """Return the number of accepted results of the last four hours; one exactly four hours old is out."""
    return sum(t > now - WINDOW_S for t in miner.accepted_at)


def reward(miner: Miner, rules: Rules, now: float) -> float:
    """Count times duel rating: what the current validators set weights by (PROTOCOL 4.7)."""
    return generations_in_window(miner, now) * rules.duel_rating
