"""A chain for tests: finney's metadata where it can be had, and neurons with real addresses."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from trellis_assets.testing.chain_metadata import SAMPLE, RuntimeMetadata, read_metadata
from trellis_assets.testing.chain_subnet import ChainNeuron


def finney_metadata() -> RuntimeMetadata:
    """Return the metadata, or skip the test with a sentence that says why."""
    folder = os.environ.get("TRELLIS_SAMPLES")
    if folder is None:
        pytest.skip("the chain's metadata is not part of the project: set TRELLIS_SAMPLES to its folder")
    file = Path(folder) / SAMPLE
    if not file.is_file():
        pytest.skip(f"there is no metadata of the chain in TRELLIS_SAMPLES ({SAMPLE})")
    return read_metadata(file)


def ss58(name: str) -> str:
    """Return the address of a development key."""
    from trellis_assets.adapters.bittensor.import_guard import bt

    return str(bt.Keypair.create_from_uri(f"//{name}").ss58_address)


def a_subnet(*hotkeys: str, ip: str = "203.0.114.7") -> list[ChainNeuron]:
    """Return validators with these hotkeys, at public addresses."""
    return [
        ChainNeuron(key, ip, 8091 + uid, stake=5000.5 + uid, permit=True, consensus=0.5)
        for uid, key in enumerate(hotkeys)
    ]


def many(count: int) -> Sequence[str]:
    """Return so many valid addresses."""
    return [ss58(f"Neuron{number}") for number in range(count)]
