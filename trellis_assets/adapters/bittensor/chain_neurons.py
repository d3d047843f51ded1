"""The chain's own answer as validators of ours: bounded, and with addresses that may be called."""

import ipaddress
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trellis_assets.adapters.bittensor.chain_economy import parse_economy
from trellis_assets.domain.addresses import address_fault
from trellis_assets.domain.earnings.economy import SubnetEconomy
from trellis_assets.domain.validators import Validator

# A subnet has at most 256 places today.
MAX_NEURONS = 4096
RAO_PER_TAO = 1_000_000_000
# The chain's normalised weights are 16 bits wide.
U16 = 65535
_IPV6 = 6

Rao = Annotated[int, Field(ge=0, lt=2**64)]
Ss58 = Annotated[str, Field(min_length=46, max_length=49, pattern=r"^[1-9A-HJ-NP-Za-km-z]+$")]


class AnswerError(ValueError):
    """The answer is not a metagraph; the text says what is wrong with it."""


class _Axon(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    ip: Annotated[int, Field(ge=0, lt=2**128)]
    port: Annotated[int, Field(ge=0, le=65535)]
    ip_type: Annotated[int, Field(ge=0, le=255)]

    @property
    def address(self) -> str:
        """Return the IP as text; empty where none is published or it is not one."""
        kind = ipaddress.IPv6Address if self.ip_type == _IPV6 else ipaddress.IPv4Address
        try:
            return str(kind(self.ip)) if self.ip else ""
        except ValueError:
            return ""


class _Metagraph(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    block: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    hotkeys: Annotated[list[Ss58], Field(max_length=MAX_NEURONS)]
    axons: Annotated[list[_Axon], Field(max_length=MAX_NEURONS)]
    validator_permit: Annotated[list[bool], Field(max_length=MAX_NEURONS)]
    consensus: Annotated[list[Annotated[int, Field(ge=0, le=U16)]], Field(max_length=MAX_NEURONS)]
    total_stake: Annotated[list[Rao], Field(max_length=MAX_NEURONS)]


@dataclass(frozen=True, slots=True)
class ChainReading:
    """One read of the chain.

    Attributes:
        block: that was read.
        neurons: all of the subnet, miners too; an address that must not be called is left out.
        faults: by uid, why its address is left out.
        economy: what neurons are paid; None where that cannot be understood.
        economy_fault: why not.
    """

    block: int | None
    neurons: tuple[Validator, ...]
    faults: dict[int, str]
    economy: SubnetEconomy | None = None
    economy_fault: str | None = None


def parse_metagraph_fields(fields: Any, *, is_public: bool, price_rao: Any = None) -> ChainReading:
    """Return the neurons of a decoded metagraph.

    Stake is the chain's stake weight (what the library calls `metagraph.S`): alpha plus a share of TAO.

    Args:
        fields: of the chain's struct, as decoded; see `chain_child.FIELDS`.
        is_public: whether anyone can register on the chain: see `address_fault`.
        price_rao: of one alpha, where the runtime says it.

    Raises:
        AnswerError: naming the field.
    """
    try:
        found = _Metagraph.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        raise AnswerError(f"{where}: {first['msg']}") from None
    columns = (found.axons, found.validator_permit, found.consensus, found.total_stake)
    if {len(column) for column in columns} != {len(found.hotkeys)}:
        raise AnswerError("its lists differ in length")
    if len(set(found.hotkeys)) != len(found.hotkeys):
        raise AnswerError("it lists a hotkey twice")
    faults: dict[int, str] = {}
    neurons = []
    for uid, axon in enumerate(found.axons):
        ip, port = axon.address, axon.port
        if ip and (fault := address_fault(ip, port, is_public=is_public)) is not None:
            faults[uid] = fault
            ip, port = "", 0
        neurons.append(
            Validator(
                uid=uid,
                hotkey=found.hotkeys[uid],
                ip=ip,
                port=port,
                stake=found.total_stake[uid] / RAO_PER_TAO,
                consensus=found.consensus[uid] / U16,
                validator_permit=found.validator_permit[uid],
            )
        )
    return ChainReading(found.block, tuple(neurons), faults, *parse_economy(fields, price_rao))
