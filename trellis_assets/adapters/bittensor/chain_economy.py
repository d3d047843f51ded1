"""The chain's own answer as what neurons are paid: bounded, and None rather than a wrong figure.

Mining needs none of it: an answer that cannot be understood here stops no mining.
"""

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trellis_assets.domain.earnings.economy import NeuronEconomy, SubnetEconomy
from trellis_assets.domain.earnings.units import RAO

# The chain's normalised shares are 16 bits wide.
U16 = 65535
MAX_NEURONS = 4096
Rao = Annotated[int, Field(ge=0, lt=2**64)]
Block = Annotated[int, Field(ge=0, lt=2**63)]
Share = Annotated[int, Field(ge=0, le=U16)]
_MOST = Field(max_length=MAX_NEURONS)


class _Economy(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    block: Block
    tempo: Annotated[int, Field(gt=0, le=U16)]
    immunity_period: Annotated[int, Field(ge=0, le=U16)]
    max_uids: Annotated[int, Field(ge=0, le=U16)]
    owner_hotkey: Annotated[str, Field(max_length=64)] | None = None
    alpha_in: Rao | None = None
    tao_in: Rao | None = None
    price: Rao | None = None
    hotkeys: Annotated[list[str], _MOST]
    incentives: Annotated[list[Share], _MOST]
    emission: Annotated[list[Rao], _MOST]
    alpha_stake: Annotated[list[Rao], _MOST]
    total_stake: Annotated[list[Rao], _MOST]
    pruning_score: Annotated[list[Share], _MOST] | None = None
    block_at_registration: Annotated[list[Block], _MOST]

    @property
    def price_tao(self) -> float | None:
        """The price that the chain would sell at; without it, by the reserves of the subnet's pool.

        Example: 20,000,000 rao are 0.02 TAO for one alpha; so are 1,000 TAO against 50,000 alpha.
        """
        if self.price is not None:
            return self.price / RAO
        if not self.alpha_in or self.tao_in is None:
            return None
        return self.tao_in / self.alpha_in


def parse_economy(fields: Any, price_rao: Any = None) -> tuple[SubnetEconomy | None, str | None]:
    """Return what neurons are paid, and None; or None, and which field is wrong.

    Args:
        fields: of the chain's metagraph, as decoded; see `chain_child.FIELDS`.
        price_rao: of one alpha, where the runtime says it.
    """
    try:
        found = _Economy.model_validate(dict(fields) | {"price": price_rao})
    except (ValidationError, TypeError, ValueError) as error:
        if not isinstance(error, ValidationError):
            return None, "not a metagraph"
        first = error.errors(include_input=False, include_url=False)[0]
        return None, f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    count = len(found.hotkeys)
    columns = (
        found.incentives,
        found.emission,
        found.alpha_stake,
        found.total_stake,
        # A runtime that no longer computes the score lists none.
        found.pruning_score or [U16] * count,
        found.block_at_registration,
    )
    if any(len(column) != count for column in columns):
        return None, "its lists differ in length"
    neurons = tuple(
        NeuronEconomy(
            uid=uid,
            hotkey=hotkey,
            incentive=incentive / U16,
            emission_alpha=emission / RAO,
            alpha_stake=alpha / RAO,
            stake_weight=stake / RAO,
            pruning_score=score / U16,
            registered_at_block=registered,
        )
        for uid, (hotkey, incentive, emission, alpha, stake, score, registered) in enumerate(
            zip(found.hotkeys, *columns, strict=True)
        )
    )
    price = found.price_tao
    return (
        SubnetEconomy(
            block=found.block,
            tempo_blocks=found.tempo,
            price_tao=price if price is not None and math.isfinite(price) else None,
            immunity_blocks=found.immunity_period,
            places=found.max_uids,
            neurons=neurons,
            owner_hotkey=found.owner_hotkey,
        ),
        None,
    )
