"""What went wrong with a read of the chain, in words for people, and what to do about it."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any

from trellis_assets.domain.tasks import printable

RATE_LIMIT_ADVICE = "wait, or use a node of your own (TRELLIS_NETWORK=ws://…)"
_CONNECTION_ADVICE = "check the connection, or use another node (TRELLIS_NETWORK)"
_PROTOCOL_ADVICE = "check TRELLIS_NETWORK: it wants the websocket address of a Subtensor node"
_NOT_THE_PROTOCOL = frozenset(
    {
        "InvalidHeader",
        "InvalidMessage",
        "InvalidUpgrade",
        "JSONDecodeError",
        "TypeError",
        "UnicodeDecodeError",
    }
)
# Which base class of an error says what happened to the connection; the first that fits counts.
_FAULTS_OF_THE_LINE = {
    "gaierror": "has a name that cannot be looked up",
    "SSLCertVerificationError": "has no certificate that can be trusted",
    "SSLError": "does not speak TLS as wss:// wants",
    "ConnectionRefusedError": "refuses the connection",
    "TimeoutError": "did not finish the handshake",
    "MaxRetriesExceeded": "closed the connection",
    "ConnectionClosed": "closed the connection",
    "ConnectionError": "closed the connection",
    "OSError": "cannot be reached",
}


def explain(error: Mapping[str, Any], node: str) -> str:
    """Return one sentence: what is so, then what to do.

    The texts of strangers are used to tell the kinds apart and are not repeated, except for a refused
    call, whose reason stands nowhere else; an endpoint's address may hold an access key.

    Args:
        error: as `chain_child.describe` says it.
        node: the endpoint for people.
    """
    kind, bases = str(error.get("type")), error.get("bases") or ()
    text, status = str(error.get("text") or ""), error.get("status")
    if status == HTTPStatus.TOO_MANY_REQUESTS or _is_rate_limit(text):
        return f"the chain is rate limited: {node} takes no more requests now: {RATE_LIMIT_ADVICE}"
    if isinstance(status, int):
        said = f"{node} answered {status} instead of a websocket"
        return f"the chain does not answer: {said}; {_CONNECTION_ADVICE}"
    if (fault := _fault_of_the_line(bases)) is not None:
        return f"the chain does not answer: {node} {fault}; {_CONNECTION_ADVICE}"
    if kind == "MissingApiError":
        return (
            f"the chain of {node} cannot be read: its runtime has no call that lists a subnet; update "
            "this package, or check TRELLIS_NETWORK"
        )
    if kind == "OldRuntimeError":
        return (
            f"the chain of {node} cannot be read: its runtime is too old, since it lists neurons without "
            "their stake weights (get_neurons_lite, no get_metagraph); update the node, or use another one "
            "(TRELLIS_NETWORK)"
        )
    if kind in _NOT_THE_PROTOCOL:
        return f"{node} does not speak the chain's protocol ({kind}); {_PROTOCOL_ADVICE}"
    if "SubstrateRequestException" in bases:
        return f"the chain refused the call: {node} said: {printable(text, 200)}; {_CONNECTION_ADVICE}"
    what = f"{node} answered what was not understood ({printable(kind, 60)})"
    return f"the chain cannot be read: {what}; {_PROTOCOL_ADVICE}"


def _is_rate_limit(text: str) -> bool:
    lowered = text.lower()
    return any(words in lowered for words in ("rate limit", "too many requests", "http 429"))


def _fault_of_the_line(bases: Collection[str]) -> str | None:
    """Return what happened to the connection; None if it was not that."""
    return next((text for base, text in _FAULTS_OF_THE_LINE.items() if base in bases), None)
