"""What the local subnet pays: validators set weights by PROTOCOL 4.7, and neurons get an emission for them.

The chain's consensus is left out: a miner's incentive is the mean of its weights by the validators' stake.
Simulated miners give our rank something to be measured by. The price of alpha is made up.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trellis_assets.adapters.bittensor.economy_file import economy_as_json, economy_file
from trellis_assets.domain.earnings.economy import NeuronEconomy, SubnetEconomy
from trellis_assets.domain.earnings.units import BLOCK_S, USUAL_TEMPO_BLOCKS
from trellis_assets.system.atomic_write import write_atomically

LEAST_REWARD = 5.0
# Of the alpha that a block makes, 18 % is the owner's; miners and validators halve the rest.
MINERS_ALPHA_A_TEMPO = VALIDATORS_ALPHA_A_TEMPO = 0.41 * USUAL_TEMPO_BLOCKS
PRICE_TAO = 0.02
IMMUNITY_BLOCKS, PLACES = 7200, 256
# Accepted results of the last four hours of simulated miners.
ACCEPTED_OF_SIMULATED = (2, 5, 9, 14, 20, 27, 35, 44)
SIMULATED_RATING = 1500.0
FIRST_MINER_UID, FIRST_SIMULATED_UID = 100, 200
# Blocks are counted from this time on (unix seconds), as if the subnet had begun then.
_BEGAN_AT_S = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class ValidatorWeights:
    """What one validator pays by.

    Attributes:
        rewards: of each miner, by hotkey.
    """

    uid: int
    hotkey: str
    stake: float
    rewards: Mapping[str, float]


def weights(rewards: Mapping[str, float]) -> dict[str, float]:
    """Return a validator's weights by PROTOCOL 4.7; of miners with the same reward the first comes first.

    Miners with a reward above 5 are ranked from the smallest on, i = 0 to n - 1; each gets
    0.003 + 0.005 / (1 + exp(-0.06 * (i - n / 2))), and all of them together 1.

    Examples:
        Of two miners, the one with the larger reward gets little more: rank counts, not the amount.

        >>> {name: round(weight, 4) for name, weight in weights({"a": 1500.0, "b": 9000.0, "c": 0.0}).items()}
        {'a': 0.4966, 'b': 0.5034}
    """
    ranked = sorted((hotkey for hotkey in rewards if rewards[hotkey] > LEAST_REWARD), key=rewards.__getitem__)
    count = len(ranked)
    raw = {
        hotkey: 0.003 + 0.005 / (1 + math.exp(-0.06 * (rank - count / 2)))
        for rank, hotkey in enumerate(ranked)
    }
    total = sum(raw.values())
    return {hotkey: weight / total for hotkey, weight in raw.items()}


def incentives(validators: Sequence[ValidatorWeights]) -> dict[str, float]:
    """Return each miner's share of what miners get: the mean of its weights by stake, all together 1."""
    total = sum(validator.stake for validator in validators)
    found: dict[str, float] = {}
    for validator in validators:
        for hotkey, weight in weights(validator.rewards).items():
            found[hotkey] = found.get(hotkey, 0.0) + weight * validator.stake / total
    return found


def simulated_miners() -> dict[str, float]:
    """Return the rewards of the simulated miners, the same with every validator, by name."""
    return {
        f"SimulatedMiner{number}": count * SIMULATED_RATING
        for number, count in enumerate(ACCEPTED_OF_SIMULATED, 1)
    }


def local_economy(
    validators: Sequence[ValidatorWeights], miners: Sequence[str], simulated: Sequence[str], now_s: float
) -> SubnetEconomy:
    """Return the subnet as if an epoch had just run.

    Args:
        validators: all of the subnet.
        miners: hotkeys of the registered miners.
        simulated: hotkeys of the simulated miners.
        now_s: unix seconds.
    """
    share = incentives(validators)
    stakes = sum(validator.stake for validator in validators)
    paid = [
        _neuron(v.uid, v.hotkey, 0.0, VALIDATORS_ALPHA_A_TEMPO * v.stake / stakes, v.stake)
        for v in validators
    ]
    numbered = [
        *enumerate(miners, FIRST_MINER_UID),
        *enumerate(simulated, FIRST_SIMULATED_UID),
    ]
    mined = [
        _neuron(uid, hotkey, share.get(hotkey, 0.0), MINERS_ALPHA_A_TEMPO * share.get(hotkey, 0.0), 0.0)
        for uid, hotkey in numbered
    ]
    return SubnetEconomy(
        block=int((now_s - _BEGAN_AT_S) / BLOCK_S),
        tempo_blocks=USUAL_TEMPO_BLOCKS,
        price_tao=PRICE_TAO,
        immunity_blocks=IMMUNITY_BLOCKS,
        places=PLACES,
        neurons=(*paid, *mined),
    )


def write_economy(
    metagraph: Path, validators: Sequence[ValidatorWeights], miners: Sequence[str], simulated: Sequence[str]
) -> None:
    """Write what neurons are paid now beside the metagraph file."""
    economy = local_economy(validators, miners, simulated, time.time())
    write_atomically(economy_file(metagraph), economy_as_json(economy))


def _neuron(uid: int, hotkey: str, incentive: float, emission: float, stake: float) -> NeuronEconomy:
    return NeuronEconomy(
        uid=uid,
        hotkey=hotkey,
        incentive=min(1.0, incentive),
        emission_alpha=emission,
        alpha_stake=stake,
        stake_weight=stake,
        pruning_score=1.0,
        registered_at_block=uid,
    )
