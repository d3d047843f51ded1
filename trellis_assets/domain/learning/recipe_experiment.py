"""Two recipes compared: paired by prompt where both were tried on the same ones, else by task."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from trellis_assets.domain.learning.experiments import LEAST_PAIRS, Estimate, paired, randomised
from trellis_assets.domain.learning.recorded import RecordedCandidate

# Differences that matter: of local scores, and of accepted shares.
SMALLEST_SCORE, SMALLEST_SHARE = 0.02, 0.1
PAIRED, BY_TASK = "paired by prompt", "by task"


@dataclass(frozen=True, slots=True)
class RecipeExperiment:
    """How a second recipe compares with a first one.

    Attributes:
        first, second: labels, name and version.
        method: paired by prompt (difference of local scores), or by task (difference of accepted shares).
        estimate: second less first.
    """

    first: str
    second: str
    method: str
    estimate: Estimate

    @property
    def told(self) -> str:
        """Return the answer in words."""
        what = "local score" if self.method == PAIRED else "accepted share"
        return f"{what}, {self.method}: {self.estimate.told(self.first, self.second)}"


def compare(candidates: Sequence[RecordedCandidate], first: str, second: str) -> RecipeExperiment:
    """Return how two recipes compare.

    A pair is a prompt on which both were tried without regard to how the other did: candidates made while
    idle, and a task's first one. A later candidate of a task is made because the first one was poor: with
    it the second recipe would seem better than it is. A model that failed a data check scores 0.

    With fewer than `LEAST_PAIRS` pairs, tasks are compared by the recipe of their first candidate, which the
    learnt policy draws at random for each task, and by whether the validator accepted them.

    Args:
        candidates: of any number.
        first: label of a recipe.
        second: label of another one.
    """
    pairs = _pairs(candidates, first, second)
    if len(pairs) >= LEAST_PAIRS:
        found = paired([one for one, _ in pairs], [other for _, other in pairs], SMALLEST_SCORE)
        return RecipeExperiment(first, second, PAIRED, found)
    counts = [_accepted(candidates, label) for label in (first, second)]
    if min(answered for _, answered in counts) == 0:
        short = paired([one for one, _ in pairs], [other for _, other in pairs], SMALLEST_SCORE)
        return RecipeExperiment(first, second, PAIRED, short)
    return RecipeExperiment(first, second, BY_TASK, randomised(counts[0], counts[1], SMALLEST_SHARE))


def comparisons(candidates: Sequence[RecordedCandidate]) -> list[RecipeExperiment]:
    """Return the comparison of the recipe with most candidates with each other one that was followed."""
    counts: dict[str, int] = defaultdict(int)
    for each in candidates:
        if each.is_followed:
            counts[each.label] += 1
    labels = sorted(counts, key=lambda label: -counts[label])
    return [compare(candidates, labels[0], label) for label in labels[1:]]


def _pairs(candidates: Sequence[RecordedCandidate], first: str, second: str) -> list[tuple[float, float]]:
    scores: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in candidates:
        is_judged = each.score is not None or not each.is_valid
        if (each.is_idle or each.number == 0) and is_judged:
            scores[each.task_key][each.label].append((each.score or 0.0) if each.is_valid else 0.0)
    return [
        (fmean(of[first]), fmean(of[second])) for of in scores.values() if of.get(first) and of.get(second)
    ]


def _accepted(candidates: Sequence[RecordedCandidate], label: str) -> tuple[int, int]:
    """Count accepted and settled tasks whose first candidate the recipe made."""
    answers = [
        each.is_accepted
        for each in candidates
        if not each.is_idle and each.number == 0 and each.label == label and each.is_accepted is not None
    ]
    return sum(answers), len(answers)
