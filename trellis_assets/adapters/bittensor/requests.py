"""A synapse as a request: the SDK signs it and makes its headers and body."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from trellis_assets.adapters.bittensor.import_guard import bt
from trellis_assets.adapters.bittensor.messages import HttpRequest
from trellis_assets.adapters.http_client.response import ResponseBounds
from trellis_assets.domain.validators import Validator


@dataclass
class _Signer:
    """What `Dendrite.preprocess_synapse_for_request` asks of its Dendrite.

    A whole Dendrite asks internet services for this machine's address, and opens an HTTP session of its own.
    The identity is a random one per call: the Axon remembers the last nonce of each.
    """

    keypair: Any
    external_ip: str = "0.0.0.0"  # noqa: S104 - a header that says "not known"; nothing is bound
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))


def signed_request(
    synapse: Any,
    validator: Validator,
    keypair: Any,
    *,
    timeout_s: float,
    bounds: ResponseBounds,
    clock_offset_s: float = 0.0,
) -> HttpRequest:
    """Return the synapse's request to the validator, signed now.

    Args:
        synapse: of the class whose name is the route.
        validator: its hotkey is part of what is signed.
        keypair: the miner's.
        timeout_s: told to the validator, which derives from it how old a nonce may be.
        bounds: of the response.
        clock_offset_s: the validator's clock less ours. The signature names the validator, so that a nonce by
            its own clock is worth nothing anywhere else.
    """
    axon = bt.AxonInfo(
        version=0,
        ip=validator.ip,
        port=validator.port,
        ip_type=6 if ":" in validator.ip else 4,
        hotkey=validator.hotkey,
        coldkey="",
    )
    signer = _Signer(keypair)
    signed = bt.Dendrite.preprocess_synapse_for_request(signer, axon, synapse, timeout_s)
    if clock_offset_s:
        _sign_by_its_clock(signed, keypair, clock_offset_s)
    return HttpRequest(
        path=f"/{type(synapse).__name__}",
        headers=signed.to_headers(),
        body=json.dumps(signed.model_dump()).encode("ascii"),
        bounds=bounds,
    )


def _sign_by_its_clock(signed: Any, keypair: Any, clock_offset_s: float) -> None:
    """Replace nonce and signature: an Axon refuses a nonce that is some seconds old by its own clock."""
    sender, receiver = signed.dendrite, signed.axon
    sender.nonce += int(clock_offset_s * 1e9)
    message = f"{sender.nonce}.{sender.hotkey}.{receiver.hotkey}.{sender.uuid}.{signed.body_hash}"
    sender.signature = f"0x{keypair.sign(message).hex()}"
