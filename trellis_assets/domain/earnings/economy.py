"""What one read of the chain says of a subnet's payments, and of our own neuron in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from trellis_assets.domain.earnings.deregistration import PruningCandidate, pruning_position

# A record is replaced at most so often within its hour.
RECORD_INTERVAL_S = 30.0


@dataclass(frozen=True, slots=True)
class NeuronEconomy:
    """What the chain pays one neuron, and by what it is pruned.

    Attributes:
        incentive: share of what all miners of the subnet get, 0 to 1.
        emission_alpha: alpha that its last epoch paid it, as miner and as validator together.
        alpha_stake: alpha staked to its hotkey.
        stake_weight: what the chain counts as its stake: alpha and a share of TAO.
        pruning_score: 0 to 1; newer runtimes no longer compute it and say 1 of all.
        registered_at_block: block of its registration.
    """

    uid: int
    hotkey: str
    incentive: float
    emission_alpha: float
    alpha_stake: float
    stake_weight: float
    pruning_score: float
    registered_at_block: int


@dataclass(frozen=True, slots=True)
class SubnetEconomy:
    """A subnet at one block.

    Attributes:
        tempo_blocks: blocks from one epoch to the next.
        price_tao: TAO for one alpha; None where the chain has none.
        immunity_blocks: a neuron is not pruned for so many blocks after its registration.
        places: neurons that the subnet has room for; only a full subnet deregisters.
        owner_hotkey: of the subnet's owner, which is never pruned.
    """

    block: int
    tempo_blocks: int
    price_tao: float | None
    immunity_blocks: int
    places: int
    neurons: tuple[NeuronEconomy, ...]
    owner_hotkey: str | None = None


@dataclass(frozen=True, slots=True)
class NeuronRecord:
    """Our own neuron, as one read of the chain found it.

    Attributes:
        source: network and subnet, such as `finney/17`.
        read_at: when; `first_read_at` is that of the first read within the same hour.
        rank: 1 is the miner with the largest incentive; None without any incentive.
        miners: neurons with an incentive.
        immune_blocks: blocks until it may be pruned; 0 once it may.
        pruning_position: 1 is the neuron that the next registration removes, if the subnet is full; while
            ours is immune, its position after its immunity. None: it is never pruned.
        neurons, places: taken and existing places of the subnet.
    """

    source: str
    miner_hotkey: str
    first_read_at: datetime
    read_at: datetime
    block: int
    uid: int
    incentive: float
    emission_alpha: float
    tempo_blocks: int
    price_tao: float | None
    alpha_stake: float
    stake_weight: float
    pruning_score: float
    rank: int | None
    miners: int
    registered_at_block: int
    immune_blocks: int
    pruning_position: int | None
    neurons: int
    places: int

    @property
    def is_full(self) -> bool:
        """Return whether a registration removes a neuron."""
        return self.neurons >= self.places


def own_neuron(economy: SubnetEconomy, hotkey: str, *, source: str, now: datetime) -> NeuronRecord | None:
    """Return the neuron of the hotkey; None where it is not registered."""
    mine = next((neuron for neuron in economy.neurons if neuron.hotkey == hotkey), None)
    if mine is None:
        return None
    age = max(0, economy.block - mine.registered_at_block)
    return NeuronRecord(
        source=source,
        miner_hotkey=hotkey,
        first_read_at=now,
        read_at=now,
        block=economy.block,
        uid=mine.uid,
        incentive=mine.incentive,
        emission_alpha=mine.emission_alpha,
        tempo_blocks=economy.tempo_blocks,
        price_tao=economy.price_tao,
        alpha_stake=mine.alpha_stake,
        stake_weight=mine.stake_weight,
        pruning_score=mine.pruning_score,
        rank=rank_by_incentive((neuron.incentive for neuron in economy.neurons), mine.incentive),
        miners=sum(neuron.incentive > 0 for neuron in economy.neurons),
        registered_at_block=mine.registered_at_block,
        immune_blocks=max(0, economy.immunity_blocks - age),
        pruning_position=_pruning_position(economy, hotkey),
        neurons=len(economy.neurons),
        places=economy.places,
    )


def is_recent(record: NeuronRecord, now: datetime) -> bool:
    """Return whether no other record is needed yet: a file is read every few seconds.

    A record of another hour never is, nor one that was stored before the clock was set back.
    """
    is_same_hour = (record.read_at.date(), record.read_at.hour) == (now.date(), now.hour)
    return is_same_hour and 0 <= (now - record.read_at).total_seconds() < RECORD_INTERVAL_S


def rank_by_incentive(incentives: Iterable[float], incentive: float) -> int | None:
    """Return the rank of a miner with this incentive; None without any.

    Examples:
        Both miners with 0.1 have rank 2, and the one without has none.

        >>> found = (0.2, 0.1, 0.1, 0.0)
        >>> tuple(rank_by_incentive(found, incentive) for incentive in found)
        (1, 2, 2, None)
    """
    if incentive <= 0:
        return None
    return 1 + sum(other > incentive for other in incentives)


def _pruning_position(economy: SubnetEconomy, hotkey: str) -> int | None:
    candidates = [
        PruningCandidate(
            neuron.uid,
            neuron.hotkey,
            neuron.emission_alpha,
            neuron.registered_at_block,
            is_immune=economy.block - neuron.registered_at_block < economy.immunity_blocks,
            is_owner=neuron.hotkey == economy.owner_hotkey,
        )
        for neuron in economy.neurons
    ]
    return pruning_position(candidates, hotkey)
