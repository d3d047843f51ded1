"""What a policy gains over the control share, whose tasks are mined by one candidate each."""

from collections.abc import Sequence
from dataclasses import dataclass

from trellis_assets.domain.learning.experiments import Estimate, randomised
from trellis_assets.domain.learning.policy import CONTROL_SHARE
from trellis_assets.domain.learning.recorded import PolicyOutcome

# A difference of accepted shares that matters.
SMALLEST_GAIN = 0.1


@dataclass(frozen=True, slots=True)
class Gain:
    """Tasks that a policy mined beside the control share: accepted results of settled tasks.

    Attributes:
        difference: treated less control; None while either is empty.
    """

    control: tuple[int, int]
    treated: tuple[int, int]
    difference: Estimate | None

    @property
    def told(self) -> str:
        """Return the answer in words."""
        if self.difference is None:
            return "no difference can be seen yet: no task of the control share, or of the policy, ended"
        return self.difference.told("the control share", "the policy")


def gain_of(outcomes: Sequence[PolicyOutcome]) -> Gain:
    """Return the gain over the control share, whose tasks are chosen by their key alone."""
    control = [
        each for each in outcomes if each.policy == "single" and each.fallback.startswith(CONTROL_SHARE)
    ]
    treated = [each for each in outcomes if each.policy != "single"]
    counts = [(sum(each.is_accepted for each in of), len(of)) for of in (control, treated)]
    found = randomised(counts[0], counts[1], SMALLEST_GAIN) if control and treated else None
    return Gain(counts[0], counts[1], found)
