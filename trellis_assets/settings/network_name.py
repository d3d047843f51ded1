"""Check the name of a network, and show it without an access key."""

from difflib import get_close_matches
from urllib.parse import urlsplit

from trellis_assets.settings.choices import CHAIN_ENDPOINTS, FILE_NETWORK_PREFIX, LOCAL_NETWORK


def check_network(value: str) -> str:
    """Return the name without surrounding spaces.

    Raises:
        ValueError: neither a known network, nor a file, nor a chain endpoint.
    """
    value = value.strip()
    if value in {LOCAL_NETWORK, *CHAIN_ENDPOINTS}:
        return value
    if value.startswith(FILE_NETWORK_PREFIX) and value != FILE_NETWORK_PREFIX:
        return value
    if value.startswith(("ws://", "wss://")) and _has_host(value):
        return value
    # The value itself is not repeated: an endpoint may hold an access key.
    names = ", ".join((LOCAL_NETWORK, "file:PATH", *CHAIN_ENDPOINTS))
    raise ValueError(f"must be {names}, or a chain endpoint ws://host:port or wss://host{_hint(value)}")


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _hint(value: str) -> str:
    """Return what was probably meant, as the end of a sentence."""
    if value.lower() in {"mainnet", "main", "bittensor"}:
        return ": the main chain is finney"
    if value.lower() == "testnet":
        return ": the test chain is test"
    if value.startswith(("http://", "https://")):
        return ": a chain endpoint begins with ws:// or wss://"
    close = get_close_matches(value.lower(), [LOCAL_NETWORK, *CHAIN_ENDPOINTS], n=1, cutoff=0.7)
    return f": did you mean {close[0]}?" if close else ""


def origin_of(url: str) -> str:
    """Return scheme, host and port: what can be shown of a URL that may hold an access key.

    Example: `wss://entry.example/SECRETKEY` gives `wss://entry.example`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"{url.partition('://')[0]}://…"
    return f"{parts.scheme}://{parts.hostname or ''}" + (f":{port}" if port is not None else "")
