"""A subnet as the chain stores it: what a node encodes into a metagraph."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_RAO = 10**9
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - what the chain holds for a neuron that serves nothing


@dataclass(frozen=True, slots=True)
class ChainNeuron:
    """A neuron on the chain.

    Attributes:
        stake: stake weight, in units of 10^9 rao.
        consensus: 0..1.
        ip_type: 4 or 6; None: as the address is written.
        incentive: 0..1.
        emission, alpha: paid by the last epoch, and staked to it; in units of 10^9 rao.
        registered_at: block.
    """

    hotkey: str
    ip: str = _NO_ADDRESS
    port: int = 0
    stake: float = 0.0
    permit: bool = False
    consensus: float = 0.0
    ip_type: int | None = None
    incentive: float = 0.0
    emission: float = 0.0
    alpha: float = 0.0
    registered_at: int = 1

    def axon(self) -> dict[str, int]:
        """Return the fields of the chain's AxonInfo."""
        address = ipaddress.ip_address(self.ip)
        return {
            "block": 1,
            "version": 1,
            "ip": int(address),
            "port": self.port,
            "ip_type": address.version if self.ip_type is None else self.ip_type,
            "protocol": 4,
            "placeholder1": 0,
            "placeholder2": 0,
        }


def metagraph_fields(
    neurons: Sequence[ChainNeuron], *, netuid: int, block: int, owner: str | None = None
) -> dict[str, Any]:
    """Return the fields of the chain's (selective) metagraph that this project asks for."""
    return {
        "netuid": netuid,
        "owner_hotkey": owner,
        "block": block,
        "tempo": 360,
        "alpha_in": 50_000 * _RAO,
        "tao_in": 1_000 * _RAO,
        "max_uids": 256,
        "immunity_period": 7200,
        "pruning_score": [65535] * len(neurons),
        "emission": [round(neuron.emission * _RAO) for neuron in neurons],
        "incentives": [round(neuron.incentive * 65535) for neuron in neurons],
        "block_at_registration": [neuron.registered_at for neuron in neurons],
        "alpha_stake": [round(neuron.alpha * _RAO) for neuron in neurons],
        "hotkeys": [neuron.hotkey for neuron in neurons],
        "axons": [neuron.axon() for neuron in neurons],
        "validator_permit": [neuron.permit for neuron in neurons],
        "consensus": [round(neuron.consensus * 65535) for neuron in neurons],
        "total_stake": [round(neuron.stake * _RAO) for neuron in neurons],
    }
