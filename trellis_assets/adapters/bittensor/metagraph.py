"""The list of neurons: from the chain, or from a JSON file."""

import json
import logging
import math
from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from trellis_assets.adapters.bittensor.chain_neurons import (
    AnswerError,
    ChainReading,
    parse_metagraph_fields,
)
from trellis_assets.adapters.bittensor.chain_reader import DEADLINE_S, ChainQuestion, read_chain
from trellis_assets.adapters.bittensor.economy_file import read_economy_file
from trellis_assets.domain.metagraph import Metagraph
from trellis_assets.domain.validators import Validator
from trellis_assets.observability.audit_log import audit
from trellis_assets.ports import MetagraphError
from trellis_assets.settings import Settings

MAX_FILE_BYTES = 16 * 1024 * 1024
# Hashes of the first blocks of Bittensor's main chain and its test chain.
PUBLIC_GENESES = frozenset(
    {
        "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03",
        "0x8f9cf856bf558a14440e75569c9e58594757048d7b3a84b5d25f6bd978263105",
    }
)


class _Neuron(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    uid: Annotated[int, Field(ge=0, le=65535)]
    hotkey: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9]+$")]
    ip: Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Fa-f.:]*$")]
    port: Annotated[int, Field(ge=0, le=65535)]
    stake: Annotated[float, Field(ge=0)]
    trust: float = 0.0
    consensus: float = 0.0
    validator_permit: bool = True

    @field_validator("stake", "trust", "consensus")
    @classmethod
    def _finite(cls, value: float) -> float:
        if not math.isfinite(value):
            raise ValueError("must be a finite number")
        return value


_Neurons = TypeAdapter(list[_Neuron])


def read_metagraph(settings: Settings, *, deadline_s: float = DEADLINE_S) -> Metagraph:
    """Return all neurons listed now, from the file or the chain; no key is needed.

    Raises:
        MetagraphError: with what to do about it.
    """
    path = settings.metagraph_file
    if path is not None:
        listed = Metagraph(tuple(read_metagraph_file(path)), *read_economy_file(path))
    else:
        reading = read_chain_metagraph(settings, deadline_s=deadline_s)
        listed = Metagraph(reading.neurons, reading.economy, reading.economy_fault)
        for uid, fault in reading.faults.items():
            # A miner without an address, or with a private one, does no harm and is common.
            if listed[uid].validator_permit:
                audit("address left out", level=logging.WARNING, validator_uid=uid, reason=fault)
    if not listed:
        # Believed, it would fail every task that is about to be submitted.
        where = str(path or settings.network.display_name)
        raise MetagraphError(
            f"the metagraph of {where} lists no neuron; check TRELLIS_NETWORK and TRELLIS_NETUID"
        )
    return listed


def read_metagraph_file(path: Path) -> list[Validator]:
    """Return the validators that the file lists.

    Raises:
        MetagraphError: missing, too large, no JSON, or a field that is not as it must be; the
            text names the entry and the field.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise MetagraphError(f"metagraph file {path} has {size} bytes, more than {MAX_FILE_BYTES}")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MetagraphError(
            f"there is no metagraph file {path}: start the local subnet with "
            "`trellis-assets subnet`, or set TRELLIS_NETWORK to file:PATH, finney or test"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise MetagraphError(f"metagraph file {path} cannot be read: {error}") from error
    return parse_metagraph(text, source=str(path))


def parse_metagraph(text: str, *, source: str) -> list[Validator]:
    """Return the validators in a JSON list of `{uid, hotkey, ip, port, stake, …}`.

    Raises:
        MetagraphError: naming `source`, the entry and the field.
    """
    try:
        neurons = _Neurons.validate_python(json.loads(text))
    except ValidationError as error:
        problems = [
            f"entry {e['loc'][0]}, {'.'.join(map(str, e['loc'][1:])) or 'as a whole'}: {e['msg']}"
            if e["loc"]
            else e["msg"]
            for e in error.errors(include_input=False, include_url=False)[:5]
        ]
        raise MetagraphError(
            f"metagraph file {source} must be a list of "
            "{uid, hotkey, ip, port, stake, trust, consensus, validator_permit}: " + "; ".join(problems)
        ) from None
    except (ValueError, RecursionError) as error:
        raise MetagraphError(f"metagraph file {source} is not JSON: {error}") from error
    repeated = [hotkey for hotkey, count in Counter(n.hotkey for n in neurons).items() if count > 1]
    if repeated:
        raise MetagraphError(f"metagraph file {source} lists a hotkey twice: {min(repeated)}")
    return [Validator(**n.model_dump()) for n in neurons]


def read_chain_metagraph(settings: Settings, *, deadline_s: float = DEADLINE_S) -> ChainReading:
    """Return what the chain lists now.

    Addresses that are not public are allowed only where the chain is not: its node is the user's own (on
    this machine or its private network) *and* its first block is neither the main chain's nor the test
    chain's, since a node of one's own may well serve those.

    Raises:
        MetagraphError: the chain cannot be read, or does not know the subnet.
    """
    network = settings.network
    endpoint = network.chain_endpoint
    assert endpoint is not None
    question = ChainQuestion(
        endpoint,
        network.netuid,
        network.display_name,
        network.has_own_node,
        deadline_s,
    )
    answer = read_chain(question)
    if answer.get("metagraph") is None:
        raise MetagraphError(
            f"the chain of {network.display_name} has no subnet {network.netuid}: check TRELLIS_NETUID"
        )
    is_public = not network.has_own_node or answer.get("genesis") in PUBLIC_GENESES
    try:
        return parse_metagraph_fields(
            answer["metagraph"], is_public=is_public, price_rao=answer.get("price_rao")
        )
    except AnswerError as error:
        raise MetagraphError(
            f"the chain of {network.display_name} answered a metagraph that cannot be used: {error}; "
            "update this package, or use another node (TRELLIS_NETWORK)"
        ) from None
