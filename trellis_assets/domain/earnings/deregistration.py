"""Which neuron the next registration removes from a full subnet, and when that is near for ours.

The order is the chain's (subtensor, `get_neuron_to_prune`, read at its release of June 2026): the smallest
emission goes first, of equal ones the longest registered, then the lowest uid. Neurons in their immunity
period are spared as long as more than `least_not_immune` others are left, and the owner's never goes.
Runtimes of 2025 took the smallest pruning score instead, which is the emission scaled to 16 bits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trellis_assets.domain.earnings.units import blocks_as_days

if TYPE_CHECKING:
    from trellis_assets.domain.earnings.economy import NeuronRecord

# The chain's default of `MinNonImmuneUids`.
LEAST_NOT_IMMUNE = 10
# So many registrations happen within hours on a subnet that is wanted.
NEAR_POSITIONS = 5
NEAR_DAYS = 1.0


@dataclass(frozen=True, slots=True)
class PruningCandidate:
    """What the chain looks at."""

    uid: int
    hotkey: str
    emission_alpha: float
    registered_at_block: int
    is_immune: bool = False
    is_owner: bool = False


def pruning_position(
    candidates: Iterable[PruningCandidate], hotkey: str, least_not_immune: int = LEAST_NOT_IMMUNE
) -> int | None:
    """Return the place of the hotkey in the order of removal, 1 for the next; None if it is never removed.

    An immune neuron is placed as if its immunity had ended, among all that are not immune.

    Args:
        candidates: all neurons of the subnet.
        hotkey: whose place.
        least_not_immune: with no more neurons outside their immunity than this, immune ones are removed too.

    Examples:
        Of two without emission the longer registered goes first, and then one with an emission.

        >>> late, early = PruningCandidate(7, "late", 0.0, 900), PruningCandidate(8, "early", 0.0, 100)
        >>> paid = PruningCandidate(9, "paid", 3.0, 50)
        >>> tuple(pruning_position((late, early, paid), name) for name in ("early", "late", "paid"))
        (1, 2, 3)
    """
    listed = [each for each in candidates if not each.is_owner]
    mine = next((each for each in listed if each.hotkey == hotkey), None)
    if mine is None:
        return None
    spared = sum(not each.is_immune for each in listed) > least_not_immune
    removable = [each for each in listed if not spared or not each.is_immune or each is mine]
    return 1 + sum(_key(each) < _key(mine) for each in removable)


def _key(candidate: PruningCandidate) -> tuple[float, int, int]:
    return candidate.emission_alpha, candidate.registered_at_block, candidate.uid


def deregistration_risk(neuron: "NeuronRecord") -> str | None:
    """Return why deregistration is near, in a sentence for people; None while it is not.

    It is near where the subnet is full and the neuron is one of the next five to be removed, or its immunity
    ends within a day.

    Example:
        A neuron that is 3rd in the order of a full subnet and not immune is near it; one that is 40th is not,
        nor is one that is 3rd of a subnet with free places.
    """
    if not neuron.is_full or neuron.pruning_position is None:
        return None
    order = f"{neuron.pruning_position} in the order of removal"
    paid = f"its emission is {neuron.emission_alpha:.4g} alpha a tempo"
    if neuron.immune_blocks:
        days = blocks_as_days(neuron.immune_blocks)
        if days > NEAR_DAYS:
            return None
        return (
            f"the immunity of uid {neuron.uid} ends in {days * 24:.1f} h, then it is number {order}; {paid}"
        )
    if neuron.pruning_position > NEAR_POSITIONS:
        return None
    return f"uid {neuron.uid} may be deregistered soon: it is number {order} of a full subnet; {paid}"
