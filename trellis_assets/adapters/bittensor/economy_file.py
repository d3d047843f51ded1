"""What neurons are paid, in a file beside a metagraph file: as the local subnet writes it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trellis_assets.domain.earnings.economy import NeuronEconomy, SubnetEconomy

MAX_FILE_BYTES = 4 * 1024 * 1024
_Amount = Annotated[float, Field(ge=0, lt=1e12, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Block = Annotated[int, Field(ge=0, lt=2**63)]


class _Neuron(BaseModel):
    model_config = ConfigDict(extra="ignore")

    uid: Annotated[int, Field(ge=0, le=65535)]
    hotkey: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9]+$")]
    incentive: _Share
    emission_alpha: _Amount
    alpha_stake: _Amount
    stake_weight: _Amount
    pruning_score: _Share
    registered_at_block: _Block


class _Economy(BaseModel):
    model_config = ConfigDict(extra="ignore")

    block: _Block
    tempo_blocks: Annotated[int, Field(gt=0, le=65535)]
    price_tao: _Amount | None
    immunity_blocks: Annotated[int, Field(ge=0, le=65535)]
    places: Annotated[int, Field(ge=0, le=65535)]
    neurons: Annotated[list[_Neuron], Field(max_length=4096)]
    owner_hotkey: str | None = None


def economy_file(metagraph: Path) -> Path:
    """Return the file that belongs to a metagraph file: `metagraph.economy.json` to `metagraph.json`."""
    return metagraph.with_suffix(".economy.json")


def read_economy_file(metagraph: Path) -> tuple[SubnetEconomy | None, str | None]:
    """Return what neurons are paid, or None and what is wrong; without such a file None twice."""
    path = economy_file(metagraph)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return None, f"{path} has more than {MAX_FILE_BYTES} bytes"
        found = _Economy.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None, None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return None, f"{path}: {'.'.join(map(str, first['loc'])) or 'as a whole'}: {first['msg']}"
    except OSError as error:
        return None, f"{path} cannot be read: {error.strerror or error}"
    neurons = tuple(NeuronEconomy(**neuron.model_dump()) for neuron in found.neurons)
    rest = found.model_dump(exclude={"neurons"})
    return SubnetEconomy(neurons=neurons, **rest), None


def economy_as_json(economy: SubnetEconomy) -> str:
    """Return the content of such a file."""
    return json.dumps(asdict(economy), indent=2)
