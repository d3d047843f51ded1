"""Which policy the operator wants tasks to be mined by."""

from dataclasses import dataclass

from trellis_assets.system.compat import StrEnum


class PolicyName(StrEnum):
    """How tasks are mined (`TRELLIS_POLICY`)."""

    SINGLE = "single"
    BEST_OF_N = "best-of-N"
    LEARNED = "learned"


# Candidates for a task that `best-of-N` and `TRELLIS_MAX_CANDIDATES` may name.
MOST_CANDIDATES = 16


class PolicyError(ValueError):
    """A policy's name cannot be used; says what can."""


@dataclass(frozen=True, slots=True)
class WantedPolicy:
    """How the operator wants tasks to be mined.

    Attributes:
        name: of the policy.
        count: candidates for each task, of `best-of-N`; 1 for the others.
        most: candidates for a task, of `learned`.
        control_share: of the tasks that `learned` leaves to `single`, so that its gain is measured.
    """

    name: PolicyName = PolicyName.SINGLE
    count: int = 1
    most: int = 4
    control_share: float = 0.05

    @property
    def label(self) -> str:
        """Return it as it is set: `single`, `best-of-3`, `learned`."""
        return f"best-of-{self.count}" if self.name is PolicyName.BEST_OF_N else str(self.name)


def parse_policy(text: str) -> WantedPolicy:
    """Return the policy of a text such as `single`, `best-of-3` or `learned`.

    Examples:
        >>> parse_policy("best-of-3").count
        3

    Raises:
        PolicyError: there is no such policy.
    """
    given = text.strip().lower()
    if given in {PolicyName.SINGLE, PolicyName.LEARNED}:
        return WantedPolicy(PolicyName(given))
    count = given.removeprefix("best-of-")
    if count != given and count.isascii() and count.isdigit() and 1 <= int(count) <= MOST_CANDIDATES:
        return WantedPolicy(PolicyName.BEST_OF_N, count=int(count))
    raise PolicyError(f"use single, learned, or best-of-N with N from 1 to {MOST_CANDIDATES}: best-of-3")
