"""What must hold of the task table, and what does not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

# Longer than any generation, validation and submission with all their retries.
LONGEST_TASK = timedelta(hours=1)
# Fewer pairs of scores say more about chance than about drift.
LEAST_PAIRS = 20
LARGEST_DRIFT = 0.25


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The outcome of a check.

    Attributes:
        rows: keys of the tasks that fail it, at most some hundred.
        looked_at: how many tasks or figures were looked at.
        figures: by name, for people.
    """

    passed: bool
    looked_at: int
    text: str
    rows: tuple[int, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Count:
    """A figure that was kept, and what the task table says it is.

    Attributes:
        at_least: rows that it must count. `at_most`: rows that it may count, where one may have ended
            in the moment of counting.
    """

    what: str
    kept: int
    at_least: int
    at_most: int


def judge_counts(counts: Sequence[Count]) -> CheckOutcome:
    """Pass if every figure is what the task table says; the text names those that are not."""
    wrong = [count for count in counts if not count.at_least <= count.kept <= count.at_most]
    named = (f"{count.what}: {count.kept} kept, {count.at_most} in the task table" for count in wrong)
    return CheckOutcome(not wrong, len(counts), "; ".join(named) or "all figures agree with the task table")


def none_of(rows: Sequence[int], looked_at: int, what: str) -> CheckOutcome:
    """Pass if no row is listed; the text names the rows."""
    shown = tuple(rows[:100])
    named = f": {', '.join(map(str, shown))}" if rows else ""
    return CheckOutcome(not rows, looked_at, f"{len(rows)} tasks {what}{named}", shown)


def judge_drift(pairs: Sequence[tuple[int, float, float]]) -> CheckOutcome:
    """Pass if local scores lie near validators' scores.

    Args:
        pairs: task, local score and fidelity of accepted submissions.
    """
    if len(pairs) < LEAST_PAIRS:
        return CheckOutcome(True, len(pairs), f"{len(pairs)} scored submissions are too few to tell")
    errors = sorted(((abs(local - fidelity), key) for key, local, fidelity in pairs), reverse=True)
    mean = sum(error for error, _ in errors) / len(errors)
    bias = sum(local - fidelity for _, local, fidelity in pairs) / len(pairs)
    text = f"local scores and fidelity differ by {mean:.3f} on average"
    passed = mean <= LARGEST_DRIFT
    rows = () if passed else tuple(key for error, key in errors[:20] if error > LARGEST_DRIFT)
    return CheckOutcome(passed, len(pairs), text, rows, {"mean_difference": mean, "bias": bias})
