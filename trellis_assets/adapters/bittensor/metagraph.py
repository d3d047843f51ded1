"""The list of neurons: from the chain, or from a JSON file."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from trellis_assets.domain.tasks import printable
from trellis_assets.domain.validators import Validator
from trellis_assets.ports import MetagraphError
from trellis_assets.settings import Settings

MAX_FILE_BYTES = 16 * 1024 * 1024


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


def read_metagraph(settings: Settings) -> Sequence[Validator]:
    """All neurons listed now, from the file or the chain; no key is needed.

    Raises:
        MetagraphError: with what to do about it.
    """
    path = settings.metagraph_file
    if path is not None:
        listed: Sequence[Validator] = read_metagraph_file(path)
    else:
        listed = read_chain_metagraph(settings.network, settings.netuid, shown_as=settings.network_shown)
    if not listed:
        # Believed, it would fail every task that is about to be submitted.
        where = str(path or settings.network_shown)
        raise MetagraphError(
            f"the metagraph of {where} lists nobody; check TRELLIS_NETWORK and TRELLIS_NETUID"
        )
    return listed


def read_metagraph_file(path: Path) -> list[Validator]:
    """The validators that the file lists.

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
    """The validators in a JSON list of `{uid, hotkey, ip, port, stake, …}`.

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


def read_chain_metagraph(network: str, netuid: int, *, shown_as: str) -> Sequence[Validator]:
    """The neurons that the chain lists for the subnet; messages name the network as `shown_as`.

    Raises:
        MetagraphError: when the chain cannot be reached or does not know the subnet.
    """
    from trellis_assets.adapters.bittensor.library import bt

    try:
        subtensor = bt.Subtensor(network=network)
        try:
            metagraph = subtensor.metagraph(netuid=netuid, lite=True)
        finally:
            subtensor.close()
    except Exception as error:  # noqa: BLE001 - the chain client raises many unrelated types
        said = printable(repr(error).replace(network, shown_as), 300)
        # An endpoint's address may hold an access key: its text goes no further.
        raise MetagraphError(
            f"the metagraph of subnet {netuid} cannot be had from {shown_as!r}: {said}; check the "
            "connection, TRELLIS_NETWORK and TRELLIS_NETUID"
        ) from None
    return [_from_chain(metagraph, index) for index in range(len(metagraph.axons))]


def _from_chain(metagraph: Any, index: int) -> Validator:
    axon = metagraph.axons[index]
    return Validator(
        uid=int(metagraph.uids[index]),
        hotkey=str(metagraph.hotkeys[index]),
        ip=str(axon.ip),
        port=int(axon.port),
        stake=float(metagraph.S[index]),
        trust=float(metagraph.T[index]),
        consensus=float(metagraph.C[index]),
        validator_permit=bool(metagraph.validator_permit[index]),
    )
