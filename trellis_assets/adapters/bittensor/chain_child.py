"""One read of the chain in a process of its own: `python -m trellis_assets.adapters.bittensor.chain_child`.

The client library keeps what it decoded, has no deadline for a whole read, and runs native code over a
stranger's bytes. In a child all three end with the process: its parent kills it at the deadline.

It reads one line of JSON from its input and writes one to its output. It imports the chain client alone
(a fifth of a second), neither bittensor nor this package's settings.
"""

import json
import os
import resource
import signal
import sys
import threading
from typing import Any

MEMORY_BYTES = 2 * 1024**3
SS58_FORMAT = 42
# Fields of a metagraph: the name that the runtime gives each, and its number in a selective call. What else
# is wanted of the same block is added here: it costs no further read.
FIELDS = {
    "owner_hotkey": 5,
    "block": 7,
    "tempo": 8,
    "alpha_in": 12,
    "tao_in": 14,
    "max_uids": 31,
    "immunity_period": 36,
    "hotkeys": 52,
    "axons": 55,
    "validator_permit": 57,
    "pruning_score": 58,
    "emission": 60,
    "incentives": 62,
    "consensus": 63,
    "block_at_registration": 66,
    "alpha_stake": 67,
    "total_stake": 69,
}
_API = "SubnetInfoRuntimeApi"
# The price of the subnet's alpha is in no metagraph but as a mean over weeks.
_PRICE_API, _PRICE_CALL = "SwapRuntimeApi", "current_alpha_price"
# The call of older runtimes: its stake is one hotkey's alpha, not the weight that the subnet counts.
_OLD_API, _OLD_CALL = "NeuronInfoRuntimeApi", "get_neurons_lite"


class MissingApiError(Exception):
    """The runtime has none of the calls that list a subnet."""


class OldRuntimeError(Exception):
    """The runtime lists a subnet without the stake weights by which validators are chosen."""


def read(endpoint: str, netuid: int, *, with_genesis: bool) -> dict[str, Any]:
    """Return the fields of the metagraph as decoded; `metagraph` is None where there is no such subnet.

    Raises:
        Exception: whatever the client library raises.
    """
    from async_substrate_interface.sync_substrate import SubstrateInterface

    # A lost connection is not tried again here: the parent's back-off does that.
    with SubstrateInterface(endpoint, ss58_format=SS58_FORMAT, max_retries=1) as substrate:
        genesis = str(substrate.get_block_hash(0)) if with_genesis else None
        metagraph = _metagraph(substrate, netuid)
        price = _price_rao(substrate, netuid) if metagraph is not None else None
    if metagraph is not None:
        metagraph = {name: metagraph.get(name) for name in FIELDS}
    return {"metagraph": metagraph, "genesis": genesis, "price_rao": price}


def _price_rao(substrate: Any, netuid: int) -> int | None:
    """Return the rao that one alpha costs; None where the runtime does not say, since mining needs it not."""
    if _PRICE_CALL not in substrate.runtime.runtime_api_map.get(_PRICE_API, {}):
        return None
    try:
        price: int = substrate.runtime_call(_PRICE_API, _PRICE_CALL, [netuid])
    except Exception:  # noqa: BLE001 - the list of neurons is worth more than its price
        return None
    return price


def _metagraph(substrate: Any, netuid: int) -> dict[str, Any] | None:
    """Return the answer to the first call that the runtime has; few fields: a new runtime changes less."""
    numbers = list(FIELDS.values())
    calls: dict[str, list[Any]] = {
        "get_selective_metagraph": [netuid, numbers],
        "get_selective_mechagraph": [netuid, 0, numbers],
        "get_metagraph": [netuid],
    }
    known = substrate.runtime.runtime_api_map.get(_API, {})
    refusal: Exception | None = None
    for name, params in calls.items():
        if name not in known:
            continue
        try:
            found: dict[str, Any] | None = substrate.runtime_call(_API, name, params)
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:
            if _is_fault_of_the_line(error):
                raise
            refusal = error
            continue
        return found
    if refusal is not None:
        raise refusal
    if _OLD_CALL in substrate.runtime.runtime_api_map.get(_OLD_API, {}):
        raise OldRuntimeError(f"the runtime has {_OLD_CALL} alone")
    raise MissingApiError(f"the runtime has none of {', '.join(calls)}")


def describe(error: BaseException) -> dict[str, Any]:
    """Return what went wrong: type, text, and the HTTP status where the node answered with one."""
    if type(error) is ConnectionError and error.args and isinstance(error.args[0], OSError):
        error = error.args[0]  # as the client library wraps it
    response = getattr(error, "response", None)
    return {
        "type": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__],
        "status": getattr(response, "status_code", None),
        "text": str(error)[:1000],
    }


def _is_fault_of_the_line(error: Exception) -> bool:
    text = str(error).lower()
    return type(error).__name__ in {"MaxRetriesExceeded", "JSONDecodeError"} or "rate limit" in text


def _end_with_parent() -> None:
    """End when the parent does: it holds the other end of our input as long as it wants an answer."""
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Answer one request on the standard streams."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Should the parent be stopped rather than dead, the kernel ends us, whatever we wait in.
    signal.setitimer(signal.ITIMER_REAL, float(request["deadline_s"]) + 5)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        answer = read(request["endpoint"], request["netuid"], with_genesis=request["with_genesis"])
    except Exception as error:  # noqa: BLE001 - told to the parent, which names it for people
        answer = {"error": describe(error)}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)  # closing the library's connections could wait for a silent peer


if __name__ == "__main__":
    main()
