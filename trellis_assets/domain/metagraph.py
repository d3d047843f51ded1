"""The metagraph: the subnet's neurons, and what the chain pays them where it says so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from trellis_assets.domain.earnings.economy import SubnetEconomy
from trellis_assets.domain.validators import Validator


@dataclass(frozen=True, slots=True)
class Metagraph(Sequence[Validator]):
    """The neurons of one read, by uid.

    Attributes:
        neurons: all of the subnet, miners too; of a file those that it lists.
        economy: what they are paid; None where a file does not say, or it cannot be understood.
        economy_fault: why what the chain said of it cannot be used; None where nothing is wrong.
    """

    neurons: tuple[Validator, ...]
    economy: SubnetEconomy | None = None
    economy_fault: str | None = None

    @overload
    def __getitem__(self, index: int) -> Validator: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Validator]: ...
    def __getitem__(self, index: int | slice) -> Validator | Sequence[Validator]:
        """Return the neuron, or neurons, at the index."""
        return self.neurons[index]

    def __len__(self) -> int:
        """Return how many neurons there are."""
        return len(self.neurons)

    def __iter__(self) -> Iterator[Validator]:
        """Iterate over the neurons."""
        return iter(self.neurons)
