"""What was learnt of an endpoint's orientation by judging its models each way up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import mean, stdev

from trellis_assets.domain.endpoints.orientation import Orientation

# The other ways up are compared with the model as it came.
OTHERS = (Orientation.TRELLIS_PLY, Orientation.Z_UP)
LEAST_TRIALS, MOST_TRIALS = 3, 12
# Score differences below this do not matter.
MARGIN = 0.02
# A few trials that happen to agree must not look like certainty.
LEAST_SPREAD = 0.03
_STANDARD_ERRORS = 2.0


@dataclass(frozen=True, slots=True)
class OrientationTrials:
    """Local scores of an endpoint's first models, each way up.

    Attributes:
        gains: for each of `OTHERS` its score minus the score of the model as it came, one per model.
    """

    gains: Mapping[Orientation, Sequence[float]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Return how many models were scored each way up."""
        return min((len(self.gains.get(other, ())) for other in OTHERS), default=0)

    @property
    def is_over(self) -> bool:
        """Return whether the trials are over: decided, or undecided after many models."""
        return self.decided is not None or self.count >= MOST_TRIALS

    @property
    def decided(self) -> Orientation | None:
        """Return which way up the models come, once the scores are clear; None until then.

        A way is better when its mean gain less two standard errors exceeds the margin. As they come is right
        when all others are worse by as much.

        Example: gains of 0.20, 0.25 and 0.15 for `TRELLIS_PLY` have the mean 0.20, the standard deviation
        0.05, the lower bound 0.20 - 2 * 0.05 / sqrt(3) = 0.14: decided.
        """
        if self.count < LEAST_TRIALS:
            return None
        bounds = {other: _bounds(self.gains[other]) for other in OTHERS}
        better = [other for other in OTHERS if bounds[other][0] > MARGIN]
        if better:
            return max(better, key=lambda other: mean(self.gains[other]))
        return Orientation.AS_IS if all(high < -MARGIN for _, high in bounds.values()) else None

    def best_guess(self) -> Orientation:
        """Return the way up with the highest mean score so far; `AS_IS` where none is clearly above it."""
        found = {other: mean(gains) for other, gains in self.gains.items() if gains}
        best = max(found, key=lambda other: found[other], default=Orientation.AS_IS)
        return best if found.get(best, 0.0) > MARGIN else Orientation.AS_IS

    def after(self, scores: Mapping[Orientation, float]) -> "OrientationTrials":
        """Return the trials with one more model, judged each way up."""
        base = scores[Orientation.AS_IS]
        return OrientationTrials(
            {other: (*self.gains.get(other, ()), scores[other] - base)[-MOST_TRIALS:] for other in OTHERS}
        )

    def describe(self) -> str:
        """Return what was found, for people."""
        if self.count == 0:
            return "no model of it was judged each way up yet"
        gains = ", ".join(f"{other} {mean(self.gains[other]):+.3f}" for other in OTHERS)
        verdict = self.decided or f"not decided, {self.best_guess()} is used"
        return f"{verdict}: over {self.count} models the score changes by {gains}"


def _bounds(gains: Sequence[float]) -> tuple[float, float]:
    spread = max(stdev(gains), LEAST_SPREAD) if len(gains) > 1 else LEAST_SPREAD
    error = _STANDARD_ERRORS * spread / sqrt(len(gains))
    return mean(gains) - error, mean(gains) + error
